"""`minisenet gradcheck`: the proof, on this machine. Status 1 if an operation is wrong or a planted bug is not caught."""
from minisenet.cli import _options


def add(commands):
    parser = commands.add_parser("gradcheck", help="check every gradient",
                                 description="Check each operation's backward by complex step, central differences and "
                                             "PyTorch. Then plant bugs: each of them must be caught.")
    parser.add_argument("operations", nargs="*", type=_operation, metavar="OP", help="operations to check (default: all)")
    _options.add_json(parser)
    return parser


def _operation(name):
    """An argparse type: the name of an operation."""
    from minisenet.gradcheck.operations import select
    return _options.known(name, select)


def run(args):
    from minisenet import gradcheck
    report = gradcheck.run(args.operations or None)
    if args.json:
        _options.print_json(report.to_dict())
    else:
        print(report)
    return 0 if report.passed else 1
