"""Options that several commands share. Those that describe a run are in `minisenet/train/options.py`."""
import argparse
import json

from minisenet.backend import BACKENDS, get_num_threads, set_backend, set_num_threads
from minisenet.train.options import number


def known(name, select):
    """For an argparse type: the name, if `select([name])` finds it. Otherwise its ValueError lists the names."""
    try:
        select([name])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name


def add_machine(parser):
    parser.add_argument("--backend", choices=BACKENDS, help="the code that computes (default: auto, the fastest available)")
    parser.add_argument("--threads", type=number(int, 1), metavar="N",
                        help=f"the kernels' threads (default: {get_num_threads()})")


def set_machine(args):
    """Apply --backend and --threads."""
    if args.backend:
        set_backend(args.backend)
    if args.threads:
        set_num_threads(args.threads)


def add_json(parser):
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def print_json(value):
    print(json.dumps(value, indent=2))


def one_line(text):
    """A message without line breaks, as every error has it."""
    return " ".join(str(text).split())
