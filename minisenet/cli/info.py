"""`minisenet info`: which parts of minisenet work on this machine, and how to get the rest."""
from minisenet.cli import _options
from minisenet.info import format_info, info


def add(commands):
    parser = commands.add_parser("info", help="show versions, backend, threads",
                                 description="Which parts work on this machine, and how to get the rest.")
    _options.add_json(parser)
    return parser


def run(args):
    if args.json:
        _options.print_json(info())
    else:
        print(format_info(info()))
    return 0
