"""The options that describe a run, for `minisenet train` and for the same run in PyTorch, and the run that they describe."""
import argparse

from minisenet import data as sets
from minisenet import models
from minisenet.blocks import PLACES, SQUEEZES
from minisenet.functional.activation import GATES
from minisenet.optim import SCHEDULES
from minisenet.train import recipe

DATA, MODEL = "auto", "se_resnet20"
RECIPE = ("batch_size", "lr", "momentum", "weight_decay", "schedule", "label_smoothing", "padding", "cutout")


def number(kind, least, below=None):
    """An argparse type: a finite int or float in [least, below)."""
    def convert(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be {'an integer' if kind is int else 'a number'}, got {text!r}") from None
        if not value >= least or value == float("inf") or (below is not None and value >= below):
            bounds = f"at least {least}" + (f" and below {below}" if below is not None else "")
            raise argparse.ArgumentTypeError(f"must be {bounds}, got {text}")
        return value
    return convert


def add_data(parser, default):
    parser.add_argument("--data", metavar="auto|cifar10|cifar100|shapes|DIR",
                        help=f"a data set by name, or the folder or .tar.gz that holds CIFAR (default: {default})")


def numbers(text):
    """An argparse type: positive integers with commas between them, one alone as an int."""
    values = tuple(number(int, 1)(each) for each in text.split(","))
    return values if len(values) > 1 else values[0]


def multiple(text):
    """An argparse type: a positive number, an int where it is one."""
    value = number(float, 0)(text)
    return int(value) if value.is_integer() else value


MODEL_OPTIONS = ("reduction", "width", "se_bias", "squeeze", "gate", "place", "se_stages", "shortcut")


def add_model(parser):
    parser.add_argument("--reduction", type=numbers, metavar="R", help="r of the SE blocks, or one for each stage: 16,16,8,8 (default: 16)")
    parser.add_argument("--width", type=multiple, metavar="W",
                        help="channels of the first stage, or a multiplier where the network has one (default: the network's own)")
    parser.add_argument("--se-bias", action="store_true",
                        help="biases in the SE blocks, as in the released models (default: none, eq. 3)")
    parser.add_argument("--squeeze", choices=SQUEEZES, help="Tables 11 and 16 (default: avg)")
    parser.add_argument("--gate", choices=tuple(GATES), help="the last activation of the excitation, Table 12 (default: sigmoid)")
    parser.add_argument("--place", choices=PLACES,
                        help="the place of the SE block in a residual block, Tables 14 and 15 (default: standard)")
    parser.add_argument("--se-stages", type=numbers, metavar="N,N", help="only these stages have SE blocks, Table 13 (default: all)")
    parser.add_argument("--shortcut", choices=("A", "B"), help="padded identity or projection (default: B)")


def model_options(args):
    """The network's options that were given, for `minisenet.models.create`."""
    return {name: value for name in MODEL_OPTIONS if (value := getattr(args, name, None))}


def add_run(parser):
    """Add a run's options, for a parser that omits what is not given (`argument_default=argparse.SUPPRESS`)."""
    def add(name, text, **kind):
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{text} (default: {getattr(recipe, name.upper())})", **kind)

    add_data(parser, DATA)
    parser.add_argument("--model", metavar="NAME", help=f"one of {', '.join(models.MODELS)} (default: {MODEL})")
    add_model(parser)
    parser.add_argument("--epochs", type=number(int, 1), metavar="N",
                        help=f"default: {recipe.epochs('cifar10')}, on shapes {recipe.epochs('shapes')}")
    add("batch_size", "images in a step", type=number(int, 1), metavar="N")
    add("lr", "the peak learning rate", type=number(float, 0))
    add("momentum", "Nesterov momentum", type=number(float, 0, 1))
    add("weight_decay", "weight decay, on weights only", type=number(float, 0))
    add("schedule", "the schedule of the learning rate", choices=SCHEDULES)
    add("label_smoothing", "the part of each label that is spread over all classes", type=number(float, 0, 1))
    add("padding", "the largest random shift of an image", type=number(int, 0), metavar="PIXELS")
    add("cutout", "cut a square of this side out of each image", type=number(int, 0), metavar="SIDE")
    parser.add_argument("--seed", type=number(int, 0), metavar="N",
                        help="decides the initial weights, the order and the crops (default: 0)")
    parser.add_argument("--limit", type=number(int, 1), metavar="N", help="use only the first N training images")


def describe(args):
    """The run that the options of `add_run` describe: a dict of data, limit, model, options and settings, for JSON.

    Raises
    ------
    ValueError
        If the network or an option of it does not exist.
    """
    given, options = vars(args), model_options(args)
    settings = {name: given.get(name, getattr(recipe, name.upper())) for name in RECIPE}
    settings |= dict(seed=given.get("seed", 0), epochs=given.get("epochs"))
    name = given.get("model", MODEL)
    models.create(name, **options)              # report an error in them before reading the data
    return dict(data=given.get("data", DATA), limit=given.get("limit"), model=name, options=options, settings=settings)


def prepare(run):
    """(data, model) of a run from `describe`. If it has no number of epochs, it gets the data set's."""
    data, settings = sets.load(run["data"]), run["settings"]
    if run["limit"]:
        data = data.limit(run["limit"])
    settings["epochs"] = settings["epochs"] or recipe.epochs(data.name)
    return data, models.create(run["model"], len(data.classes), seed=settings["seed"], **run["options"])
