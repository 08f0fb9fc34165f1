"""`minisenet check FILE.py:FUNCTION`: your forward or backward, against minisenet's. Status 1 where it is wrong."""
import argparse
import ast
import re
import sys
from pathlib import Path

from minisenet.cli import _options
from minisenet.train.options import number


def add(commands):
    description = ("Check one function of a file: its values, complex step and central differences. If it is wrong, print the "
                   "smallest case on which it fails, and the mistake's name. The file runs in a process of its own.")
    parser = commands.add_parser("check", help="check your own forward or backward", description=description)
    parser.add_argument("target", metavar="FILE.py:FUNCTION",
                        help="the function; it is compared with minisenet's function of that name")
    parser.add_argument("--like", metavar="NAME", type=_name,
                        help="the function to compare it with, where it has another name")
    parser.add_argument("--shapes", metavar="\"x=(N, C), w=(C,)\"", type=_shapes,
                        help="the arguments of a layer of your own, whose backward is FUNCTION_backward")
    parser.add_argument("--seed", type=number(int, 0), default=0, metavar="N", help="of the values that are drawn (default: 0)")
    parser.add_argument("--time-limit", type=number(float, 0.1), default=10.0, metavar="SECONDS",
                        help="for all calls of the function together (default: 10)")
    parser.add_argument("--memory-limit", type=number(float, 0.1), default=2.0, metavar="GIB",
                        help="default: 2, if the system can limit memory")
    _options.add_json(parser)
    return parser


def _name(name):
    """An argparse type: a function of minisenet that answers are compared with."""
    from minisenet.checker.specifications import SPECIFICATIONS
    if name not in SPECIFICATIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of minisenet's functions: {', '.join(SPECIFICATIONS)}")
    return name


def _shapes(text):
    """An argparse type: "x=(N, C), w=(C,)" as a dict."""
    found = re.findall(r"(\w+)\s*=\s*(\([^)]*\))", text)
    if not found or re.sub(r"(\w+)\s*=\s*(\([^)]*\))|[,\s]", "", text):
        raise argparse.ArgumentTypeError(f'must be like "x=(N, C), w=(C,)", got {text!r}, which names no shapes')
    return dict(found)


def _wrong_target(target, like):
    """What to do instead, where `target` is not FILE.py:FUNCTION; None where it is."""
    file, _, function = target.rpartition(":") if ":" in target else (target, "", "")
    path = Path(file)
    option = f', like="{like}"' if like else ""
    if path.is_dir():
        return f"TARGET must be FILE.py:FUNCTION, got the folder {file}; to mark a folder: `minisenet course check {file}`"
    if path.suffix == ".ipynb":
        return (f"TARGET must be a function of a Python file, got the notebook {file}; in the notebook, call "
                f"`minisenet.gradcheck.check({function or 'FUNCTION'}{option})`")
    if path.suffix == ".pyx":
        return f"TARGET must be a function of a Python file, got the Cython file {file}; {_for_cython(path)}"
    if not path.is_file():
        return f"FILE must be a Python file, got {file}, which does not exist"
    if not function.isidentifier():
        names = ", ".join(f"{file}:{name}" for name in _functions(path))
        return f"TARGET must be FILE.py:FUNCTION, got {target!r}" + f"; it has {names}" * bool(names)
    return None


def _for_cython(path):
    from minisenet.course import EXERCISES
    exercise = next((exercise for exercise in EXERCISES if exercise.file == path.name), None)
    if exercise:
        return f"exercise {exercise.number} is checked by `minisenet course check {path.parent} {exercise.number}`"
    return "compile it, and give the extension module that results (FILE.so:FUNCTION, on Windows FILE.pyd:FUNCTION)"


def _functions(path):
    """The names of a file's functions, as far as it can be read."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


def run(args):
    wrong = _wrong_target(args.target, args.like)
    if wrong:
        print(f"minisenet: error: {wrong}", file=sys.stderr)
        return 2
    from minisenet import checker
    verdict = checker.check_file(args.target, args.like, shapes=args.shapes, seed=args.seed, time_limit=args.time_limit,
                                 memory_limit=int(args.memory_limit * 2**30))
    if args.json:
        _options.print_json(verdict.to_dict())
    else:
        print(verdict)
    return 0 if verdict.passed else 1
