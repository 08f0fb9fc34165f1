"""Options that several commands share, and the types of options."""
import argparse
import json

from minisenet.backend import BACKENDS, get_num_threads, set_backend, set_num_threads


def number(kind, least, below=None):
    """An argparse type: a finite int or float in [least, below)."""
    def convert(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {'an integer' if kind is int else 'a number'}") from None
        if not value >= least or value == float("inf") or (below is not None and value >= below):
            bounds = f"at least {least}" + (f" and below {below}" if below is not None else "")
            raise argparse.ArgumentTypeError(f"{text} is out of range: it takes a number of {bounds}")
        return value
    return convert


def known(name, select):
    """For an argparse type: the name, if `select([name])` finds it; its ValueError says which names there are."""
    try:
        select([name])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name


def add_data(parser, default, text=""):
    parser.add_argument("--data", default=default, metavar="auto|cifar10|cifar100|shapes|DIR",
                        help=f"a data set by name, or the folder or .tar.gz that holds CIFAR{text}")


def add_machine(parser):
    parser.add_argument("--backend", choices=BACKENDS, help="what computes (default: auto, the fastest there is)")
    parser.add_argument("--threads", type=number(int, 1), metavar="N",
                        help=f"threads of the kernels (default: {get_num_threads()})")


def set_machine(args):
    """Apply --backend and --threads."""
    if args.backend:
        set_backend(args.backend)
    if args.threads:
        set_num_threads(args.threads)


def add_model(parser):
    """The options of a network. None means that the network's own default stands."""
    parser.add_argument("--reduction", type=number(int, 1), metavar="R", help="r of the SE blocks (default: 16)")
    parser.add_argument("--width", type=number(int, 1), metavar="W", help="channels of the first stage (default: 16)")
    parser.add_argument("--se-bias", action="store_true",
                        help="biases in the SE blocks, as in the released models (default: none, eq. 3)")
    parser.add_argument("--shortcut", choices=("A", "B"), help="padded identity or projection (default: B)")


def model_options(args):
    """The options that were given, as `minisenet.models.create` takes them."""
    given = {name: getattr(args, name) for name in ("reduction", "width", "shortcut") if getattr(args, name) is not None}
    return given | (dict(se_bias=True) if args.se_bias else {})


def add_json(parser):
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def print_json(value):
    print(json.dumps(value, indent=2))
