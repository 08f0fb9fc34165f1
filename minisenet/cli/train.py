"""`minisenet train`: options in, one call of `minisenet.train.fit`, and what it found."""
import argparse
import shlex
from pathlib import Path

from minisenet import models
from minisenet.backend import builds, get_backend, get_num_threads
from minisenet import data as sets
from minisenet.cli import _options
from minisenet.optim import SCHEDULES
from minisenet.train import fit, gates, recipe
from minisenet.train.run_folder import RunError, read_config

DATA, MODEL = "auto", "se_resnet20"
NAMED = ("auto", "cifar10", "cifar100", "shapes")
GOES_WITH_RESUME = ("resume", "data", "backend", "threads", "debug", "run")


def add(commands):
    parser = commands.add_parser("train", help="train a network", argument_default=argparse.SUPPRESS,
                                 description="Train a network, and keep the run in a folder.")
    n = _options.number
    _options.add_data(parser, argparse.SUPPRESS, f" (default: {DATA})")
    parser.add_argument("--model", metavar="NAME", help=f"one of {', '.join(models.MODELS)} (default: {MODEL})")
    _options.add_model(parser)
    parser.add_argument("--epochs", type=n(int, 1), metavar="N",
                        help=f"default: {recipe.epochs('cifar10')}, on shapes {recipe.epochs('shapes')}")
    parser.add_argument("--batch-size", type=n(int, 1), metavar="N", help=f"default: {recipe.BATCH_SIZE}")
    parser.add_argument("--lr", type=n(float, 0), help=f"the peak of the learning rate (default: {recipe.LR})")
    parser.add_argument("--momentum", type=n(float, 0, 1), help=f"Nesterov's (default: {recipe.MOMENTUM})")
    parser.add_argument("--weight-decay", type=n(float, 0), help=f"on weights only (default: {recipe.WEIGHT_DECAY})")
    parser.add_argument("--schedule", choices=SCHEDULES, help=f"default: {recipe.SCHEDULE}")
    parser.add_argument("--label-smoothing", type=n(float, 0, 1), help=f"default: {recipe.LABEL_SMOOTHING}")
    parser.add_argument("--padding", type=n(int, 0), metavar="PIXELS",
                        help=f"by how many an image may be moved at random (default: {recipe.PADDING})")
    parser.add_argument("--cutout", type=n(int, 0), metavar="SIDE",
                        help=f"cut squares out of the images (default: {recipe.CUTOUT})")
    parser.add_argument("--seed", type=n(int, 0), metavar="N",
                        help="of the initial weights, the order, the crops (default: 0)")
    parser.add_argument("--limit", type=n(int, 1), metavar="N", help="use the first N training images only")
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: a new one in runs/)")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that --out holds")
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in DIR, with its own settings")
    _options.add_machine(parser)
    return parser


def run(args):
    given = vars(args)
    if "resume" in given:
        extra = [name for name in given if name not in GOES_WITH_RESUME]
        if extra:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in extra)
            raise ValueError(f"--resume goes on with the run's own settings: leave out {flags}, or start a new run")
        spec, out = _resumed(args.resume, given), Path(args.resume)
    else:
        spec, out = _new(given), None
    _options.set_machine(argparse.Namespace(backend=spec["backend"], threads=given.get("threads")))
    spec["backend"] = get_backend()
    return _train(spec, given, out)


def _new(given):
    """The run that the options describe, in the form that config.json keeps under `notes`."""
    settings = {name: given.get(name, getattr(recipe, name.upper())) for name in
                ("batch_size", "lr", "momentum", "weight_decay", "schedule", "label_smoothing", "padding", "cutout")}
    name = given.get("model", MODEL)
    options = {key: given[key] for key in ("reduction", "width", "se_bias", "shortcut") if key in given}
    models.create(name, **options)              # an error in them should not wait for the data
    settings |= dict(seed=given.get("seed", 0), epochs=given.get("epochs"))
    return dict(data=given.get("data", DATA), limit=given.get("limit"), model=name, options=options, settings=settings,
                backend=given.get("backend"))


def _resumed(path, given):
    """The run that a run folder holds; its data may have moved, and its backend may be overruled."""
    config = read_config(path)
    spec = config.get("notes", {}).get("train")
    if spec is None:
        raise RunError(f"the run in {path} was started from Python: go on with "
                       f"minisenet.fit(..., out={str(path)!r}, resume=True)")
    spec["data"], spec["backend"] = given.get("data", spec["data"]), given.get("backend", spec["backend"])
    was, now = config["machine"]["isa"], builds.isa
    if was != now:
        print(f"note: the run began with the instruction set {was}, here it is {now}: the last bits may differ")
    return spec


def _train(spec, given, out):
    data = sets.load(spec["data"])
    if spec["data"] == "auto":
        spec["data"] = data.name                # a name that will mean the same tomorrow
    elif spec["data"] not in NAMED:
        spec["data"] = str(Path(spec["data"]).expanduser().resolve())        # so that it can be resumed from anywhere
    if spec["limit"]:
        data = data.limit(spec["limit"])
    settings = spec["settings"]
    settings["epochs"] = settings["epochs"] or recipe.epochs(data.name)
    model = models.create(spec["model"], len(data.classes), seed=settings["seed"], **spec["options"])
    resume = out is not None
    if not resume:
        out = Path(given["out"]) if "out" in given else _fresh(f"{spec['model']}-{data.name}")
    _introduce(spec, data, model, out)
    history = fit(model, data, **settings, out=out, resume=resume, overwrite=given.get("overwrite", False),
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
    isa = f" ({builds.isa})" if spec["backend"] != "numpy" else ""
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
    """The command that trains this run again, with every setting that decides its bits."""
    words = ["minisenet", "train", "--data", spec["data"], "--model", spec["model"]]
    network = models.MODELS[spec["model"]]
    options = network.defaults | spec["options"]
    if options.pop("se_bias"):
        words.append("--se-bias")
    if network.plain is None:
        del options["reduction"]
    for name, value in (options | spec["settings"] | dict(limit=spec["limit"], backend=spec["backend"])).items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", f"{value}"]
    return shlex.join(words)
