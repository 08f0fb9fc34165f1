"""`minisenet train`: options in, one call of `minisenet.train.fit`, and its results."""
import argparse
import shlex
from pathlib import Path

from minisenet import models
from minisenet.backend import builds, get_backend, get_num_threads
from minisenet.cli import _options
from minisenet.train import fit, gates, options
from minisenet.train.run_folder import RunError, read_config

NAMED = ("auto", "cifar10", "cifar100", "shapes")
GOES_WITH_RESUME = ("resume", "data", "backend", "threads", "debug", "run")


def add(commands):
    parser = commands.add_parser("train", help="train a network", argument_default=argparse.SUPPRESS,
                                 description="Train a network, and write the run into a folder.")
    options.add_run(parser)
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: a new one in runs/)")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that --out holds")
    parser.add_argument("--resume", metavar="DIR", help="continue the run in DIR, with its own settings")
    _options.add_machine(parser)
    return parser


def run(args):
    given = vars(args)
    if "resume" in given:
        extra = [name for name in given if name not in GOES_WITH_RESUME]
        if extra:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in extra)
            raise ValueError(f"--resume must come without {flags}, because a resumed run keeps its own settings: leave out {flags}, or start a new run")
        spec, out = _resumed(args.resume, given), Path(args.resume)
    else:
        spec, out = options.describe(args) | dict(backend=given.get("backend")), None
    _options.set_machine(argparse.Namespace(backend=spec["backend"], threads=given.get("threads")))
    spec["backend"] = get_backend()
    return _train(spec, given, out)


def _resumed(path, given):
    """The run in a run folder. --data says where its data is now, and --backend may change its backend."""
    config = read_config(path)
    spec = config.get("notes", {}).get("train")
    if spec is None:
        raise RunError(f"--resume must be a run that `minisenet train` started, got {path}, which started from Python: continue it with "
                       f"minisenet.fit(..., out={str(path)!r}, resume=True)")
    spec["data"], spec["backend"] = given.get("data", spec["data"]), given.get("backend", spec["backend"])
    was, now = config["machine"]["isa"], builds.isa
    if was != now:
        print(f"note: the run began with the instruction set {was} and continues with {now}: the last bits may differ")
    return spec


def _train(spec, given, out):
    data, model = options.prepare(spec)
    if spec["data"] == "auto":
        spec["data"] = data.name                # this name keeps its meaning when more data arrives
    elif spec["data"] not in NAMED:
        spec["data"] = str(Path(spec["data"]).expanduser().resolve())        # to resume the run from any folder
    resume = out is not None
    if not resume:
        out = Path(given["out"]) if "out" in given else _fresh(f"{spec['model']}-{data.name}")
    _introduce(spec, data, model, out)
    history = fit(model, data, **spec["settings"], out=out, resume=resume, overwrite=given.get("overwrite", False),
                  notes=dict(train=spec))
    _conclude(history, out)
    print(f"reproduce: {command(spec)}")
    return 0


def _fresh(name):
    """runs/NAME, or the first of runs/NAME-2, runs/NAME-3, … that is free."""
    path, count = Path("runs", name), 1
    while path.exists():
        count += 1
        path = Path("runs", f"{name}-{count}")
    return path


def _introduce(spec, data, model, out):
    parameters = sum(p.value.size for p in model.parameters().values())
    if builds.kernels:
        isa = f" ({builds.isa})" if spec["backend"] != "numpy" else ""
    else:
        isa = " (slow: the compiled kernels are not installed, see `minisenet info`)"
    threads = get_num_threads()
    print(f"data:  {data.name}, {len(data.train_labels):,} training and {len(data.test_labels):,} test images, "
          f"{len(data.classes)} classes\n       {data.source}")
    print(f"model: {spec['model']}, {parameters:,} parameters")
    print(f"run:   {out}, on the {spec['backend']} backend{isa}, {threads} thread{'s' * (threads != 1)}", flush=True)


def _conclude(history, out):
    if history.gates:
        print(f"\ngates over up to {gates.IMAGES:,} test images; their means by class are in {out / 'gates.png'}")
        print(gates.format_table(history.gates))
        dead = sum(row["dead"] for row in history.gates)
        if dead:
            print(f"{dead} hidden unit{'s are' if dead > 1 else ' is'} 0 for every image: "
                  "a smaller --reduction gives each block more hidden units")
        print()
    best = history.best
    print(f"best: {best['test_accuracy']:.2%} of the test images in epoch {best['epoch']}; "
          f"last: {history[-1]['test_accuracy']:.2%}; curves in {out / 'curves.png'}")


def command(spec):
    """The command that trains this run again, with every setting on which its bits depend."""
    words = ["minisenet", "train", "--data", spec["data"], "--model", spec["model"]]
    network = models.MODELS[spec["model"]]
    chosen = network.defaults | spec["options"]
    for name, value in (chosen | spec["settings"] | dict(limit=spec["limit"], backend=spec["backend"])).items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", ",".join(map(str, value)) if isinstance(value, (tuple, list)) else f"{value}"]
    return shlex.join(words)
