"""`minisenet bench`: side by side with PyTorch and with the NumPy bodies, as ratios in one run."""
import argparse
import sys

from minisenet import models
from minisenet.backend import get_backend, get_num_threads
from minisenet.bench import ops, plot, report
from minisenet.bench.contenders import CONTENDERS, Settings
from minisenet.bench.measure import measure
from minisenet.cli import _options
from minisenet.train import options

MODEL, BATCH_SIZE, REPEAT = "se_resnet20", 128, 9


def add(commands):
    parser = commands.add_parser("bench", help="compare speed and memory with PyTorch",
                                 description="Train and infer in turns with PyTorch and with the NumPy bodies, each in a "
                                             "process of its own, and print ratios.")
    n = options.number
    parser.add_argument("--model", default=MODEL, metavar="NAME",
                        help=f"one of {', '.join(models.MODELS)} (default: {MODEL})")
    options.add_model(parser)
    parser.add_argument("--batch-size", type=n(int, 1), default=BATCH_SIZE, metavar="N", help=f"default: {BATCH_SIZE}")
    parser.add_argument("--threads", type=n(int, 1), default=get_num_threads(), metavar="N",
                        help=f"of every contender (default: {get_num_threads()})")
    parser.add_argument("--repeat", type=n(int, 1), default=REPEAT, metavar="N", help=f"turns (default: {REPEAT})")
    parser.add_argument("--contenders", type=_names, default=list(CONTENDERS), metavar="NAME,NAME",
                        help=f"of {', '.join(CONTENDERS)} (default: all)")
    parser.add_argument("--ops", action="store_true", help="a table per kernel, against what this machine can do at most")
    parser.add_argument("--plot", metavar="FILE",
                        help="draw throughput against batch size, width and threads, after all else (takes many minutes)")
    _options.add_json(parser)
    return parser


def _names(text):
    """An argparse type: contenders, divided by commas."""
    names = text.split(",")
    for name in names:
        if name not in CONTENDERS:
            raise argparse.ArgumentTypeError(f"unknown contender {name!r}; it is one of {', '.join(CONTENDERS)}")
    return [name for name in CONTENDERS if name in names]


def run(args):
    settings = Settings(args.model, options.model_options(args), args.batch_size, args.threads)
    get_backend()                                       # what is wrong with the environment, the model, the file or the
    models.create(settings.model, **settings.options)   # machine should be known now, and not after minutes
    if args.ops:
        ops.check()
    if args.plot:
        plot.check(args.plot, settings)
    with Progress() as progress:
        times = measure(settings, args.contenders, repeat=args.repeat, progress=progress.show)
        if not times.seconds["train"]:
            raise RuntimeError("; ".join(f"{name} is left out: {reason}" for name, reason in times.left_out.items()))
        result = report.result(settings, args.repeat, times)
        profile = ops.profile(settings, progress.show) if args.ops else {}
    if args.json:
        _options.print_json(result | profile)
    else:
        print(report.format_table(result, times), flush=True)
        if args.ops:
            print("\n" + ops.format_profile(profile), flush=True)
    if args.plot:
        curves = plot.measure_all(settings, args.contenders, lambda text: print(text, file=sys.stderr, flush=True))
        plot.draw(args.plot, curves, report.format_header(result | dict(repeat=plot.REPEAT)))
    return 0


class Progress:
    """One live line on standard error where that is a terminal, and nothing where it is not."""

    def __init__(self):
        self.live = sys.stderr.isatty()

    def show(self, text):
        if self.live:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.show("")
