"""`minisenet course`: write the exercises, and mark them. Status 1 if anything that was asked for is not right."""
import argparse
import os
import sys
from pathlib import Path

from minisenet.cli import _options

PROCESSES = 2


def add(commands):
    parser = commands.add_parser("course", help="exercises: write the passes yourself",
                                 description="Thirteen exercises in the paper's order: write their files, and mark them.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    start = actions.add_parser("start", help="write a file for each exercise",
                               description="Write the exercises into a folder that is new or empty.")
    start.add_argument("folder", metavar="DIR", help="a new or empty folder")
    start.add_argument("--solutions", action="store_true", help="write the solutions instead, for lecturers")
    start.set_defaults(action=_start)
    check = actions.add_parser("check", help="mark them", description="Mark the exercises of a folder.")
    check.add_argument("folder", metavar="DIR", help="the folder with your files")
    check.add_argument("exercises", nargs="*", type=_exercise, metavar="EXERCISE",
                       help="a number, a name or a file: 06, squeeze, e06_squeeze.py (default: all)")
    _options.add_json(check)
    check.set_defaults(action=_check)
    for action in (start, check):
        action.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")
    return parser


def _exercise(name):
    """An argparse type: the number, name or file of an exercise."""
    from minisenet.course import select
    return _options.known(name, select)


def run(args):
    return args.action(args)


def _start(args):
    from minisenet import course
    written = course.start(args.folder, solutions=args.solutions)
    for path in written:
        print(path)
    print(f"Read {written[-1]}, write the first exercise, then: minisenet course check {args.folder}")
    return 0


def _check(args):
    wrong = _wrong_folder(Path(args.folder), args.exercises)
    if wrong:
        print(f"minisenet: error: {wrong}", file=sys.stderr)
        return 2
    from minisenet import course
    from minisenet.course import report
    marks = []
    if not args.json:
        print(report.HEADING, flush=True)
    for mark in course.mark(args.folder, course.select(args.exercises), processes=min(PROCESSES, os.cpu_count() or 1)):
        marks.append(mark)
        if not args.json:
            print(report.row(mark), flush=True)
    if args.json:
        _options.print_json(report.to_dict(marks))
    else:
        for mark in marks:
            for line in report.details(mark):
                print(line)
        print(f"\n{report.total(marks)}")
    return 0 if report.passed(marks) else 1


def _wrong_folder(folder, asked):
    """What to type instead, where there is no such folder; None where there is one."""
    from minisenet.course import EXERCISES
    if folder.is_dir():
        return None
    if not folder.exists():
        return f"DIR must be a folder, got {folder}, which is not there: `minisenet course start {folder}` makes it"
    known = folder.name in [exercise.file for exercise in EXERCISES]
    command = " ".join(["minisenet course check", str(folder.parent), *[folder.name] * known, *asked])
    return f"DIR must be a folder, got the file {folder}: `{command}`"
