"""The command line: `minisenet train`, `evaluate`, `data`, `gradcheck`, `check`, `course`, `summary`, `paper`,
`predict`, `export`, `bench`, `info`, each in a file of its own.

Exit status: 0 done, 1 failed, 2 wrong usage. An error is one line on standard error that says what to do; --debug adds the
traceback. A command is a module with `add(commands)`, which declares it, and `run(args)`, which returns an exit status.
"""
import argparse
import os
import sys

from minisenet._version import __version__
from minisenet.cli import _options, bench, check, course, data, evaluate, export, gradcheck, info, paper, predict, summary, train

COMMANDS = (train, evaluate, data, gradcheck, check, course, summary, paper, predict, export, bench, info)
EXPECTED = (ValueError, TypeError, OSError, ImportError, RuntimeError, MemoryError)     # their messages say what is wrong


class Parser(argparse.ArgumentParser):
    """argparse, with a one-line error for a wrong command line."""

    def error(self, message):
        self.exit(2, f"minisenet: error: {_options.one_line(message)} ({self.prog} --help lists the options)\n")


def main(argv=None):
    """Run one command.

    Parameters
    ----------
    argv : list of str, optional
        Without the program's name. Default: the arguments of this process.

    Returns
    -------
    int
        The exit status: 0 done, 1 failed, 2 wrong usage.
    """
    try:
        args = _parser().parse_args(argv)
        return _run(args)
    except SystemExit as stop:                  # argparse exits by itself, after --help too
        return stop.code


def _run(args):
    try:
        status = args.run(args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:                     # the reader of the pipe has gone, so a message would reach nobody
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        if args.debug:
            raise
        print(f"minisenet: {_describe(error)}", file=sys.stderr)
        return 1


def _parser():
    parser = Parser(prog="minisenet", description="Squeeze-and-Excitation Networks, every gradient derived by hand.")
    parser.add_argument("--version", action="version", version=f"minisenet {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for module in COMMANDS:
        command = module.add(commands)
        command.add_argument("--debug", action="store_true", default=False, help="show the traceback of an error")
        command.set_defaults(run=module.run)
    return parser


def _describe(error):
    if isinstance(error, KeyboardInterrupt):
        return _options.one_line(error) or "interrupted"
    if isinstance(error, EXPECTED) and str(error):
        return f"error: {_options.one_line(error)}"
    return f"error: {type(error).__name__}: {_options.one_line(error)} (this looks like a bug: --debug shows where)"
