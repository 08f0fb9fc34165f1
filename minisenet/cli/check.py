"""`minisenet check FILE.py:FUNCTION`: somebody's forward or backward, against minisenet's. Status 1 where it is wrong."""
import argparse
import re

from minisenet.cli import _options
from minisenet.train.options import number


def add(commands):
    description = ("Check one function of a file: values, complex step, central differences, the smallest case on which it "
                   "is wrong, and what the mistake is called. The file runs in a process of its own.")
    parser = commands.add_parser("check", help="check your own forward or backward", description=description)
    parser.add_argument("target", metavar="FILE.py:FUNCTION",
                        help="the function; its name says which of minisenet's it has to equal")
    parser.add_argument("--like", metavar="NAME", type=_name,
                        help="the function that it has to equal, where its name does not say so")
    parser.add_argument("--shapes", metavar="\"x=(N, C), w=(C,)\"", type=_shapes,
                        help="of the arguments of a layer of your own, whose backward is FUNCTION_backward")
    parser.add_argument("--seed", type=number(int, 0), default=0, metavar="N")
    parser.add_argument("--time-limit", type=number(float, 0.1), default=10.0, metavar="SECONDS",
                        help="default: 10")
    parser.add_argument("--memory-limit", type=number(float, 0.1), default=2.0, metavar="GIB",
                        help="default: 2 (where the system can)")
    _options.add_json(parser)
    return parser


def _name(name):
    """An argparse type: a function that answers can be compared with."""
    from minisenet.checker.specifications import SPECIFICATIONS
    if name not in SPECIFICATIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of minisenet's functions: {', '.join(SPECIFICATIONS)}")
    return name


def _shapes(text):
    """An argparse type: "x=(N, C), w=(C,)" as a dict."""
    found = re.findall(r"(\w+)\s*=\s*(\([^)]*\))", text)
    if not found or re.sub(r"(\w+)\s*=\s*(\([^)]*\))|[,\s]", "", text):
        raise argparse.ArgumentTypeError(f'{text!r} names no shapes: it takes "x=(N, C), w=(C,)"')
    return dict(found)


def run(args):
    from minisenet import checker
    verdict = checker.check_file(args.target, args.like, shapes=args.shapes, seed=args.seed, time_limit=args.time_limit,
                                   memory_limit=int(args.memory_limit * 2**30))
    if args.json:
        _options.print_json(verdict.to_dict())
    else:
        print(verdict)
    return 0 if verdict.passed else 1
