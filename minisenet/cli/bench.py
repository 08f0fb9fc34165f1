"""`minisenet bench`: minisenet's speed beside PyTorch's and the NumPy bodies', as ratios in one run."""
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
                                 description="Take turns with PyTorch and the NumPy bodies in training and inference, each in a "
                                             "process of its own, and print ratios.")
    n = options.number
    parser.add_argument("--model", default=MODEL, metavar="NAME",
                        help=f"one of {', '.join(models.MODELS)} (default: {MODEL})")
    options.add_model(parser)
    parser.add_argument("--batch-size", type=n(int, 1), default=BATCH_SIZE, metavar="N", help=f"default: {BATCH_SIZE}")
    parser.add_argument("--threads", type=n(int, 1), default=get_num_threads(), metavar="N",
                        help=f"threads of every contender (default: {get_num_threads()})")
    parser.add_argument("--repeat", type=n(int, 1), default=REPEAT, metavar="N", help=f"number of turns (default: {REPEAT})")
    parser.add_argument("--contenders", type=_names, default=list(CONTENDERS), metavar="NAME,NAME",
                        help=f"some of {', '.join(CONTENDERS)} (default: all)")
    parser.add_argument("--ops", action="store_true", help="also print a table of the kernels, beside this machine's peak")
    parser.add_argument("--plot", metavar="FILE",
                        help="also draw throughput against batch size, width and threads (needs many minutes)")
    _options.add_json(parser)
    return parser


def _names(text):
    """An argparse type: contenders, with commas between them."""
    names = text.split(",")
    for name in names:
        if name not in CONTENDERS:
            raise argparse.ArgumentTypeError(f"must be some of {', '.join(CONTENDERS)}, got {name!r}")
    return [name for name in CONTENDERS if name in names]


def run(args):
    settings = Settings(args.model, options.model_options(args), args.batch_size, args.threads)
    get_backend()                                       # report a wrong environment, model, file or machine now, and not
    models.create(settings.model, **settings.options)   # after minutes
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
    """One live line on standard error if that is a terminal; otherwise nothing."""

    def __init__(self):
        self.live = sys.stderr.isatty()

    def show(self, text):
        if self.live:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.show("")
