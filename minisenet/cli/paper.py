"""`minisenet paper`: the paper's tables of networks, counted."""
from minisenet.cli import _options
from minisenet.paper import TITLES, format_paper, paper


def add(commands):
    parser = commands.add_parser("paper", help="count every network of the paper's tables",
                                 description="Parameters and multiply-adds of each network of the paper's tables, beside the "
                                             "paper's own figures. An exclamation mark: they do not agree, and the note says why.")
    parser.add_argument("--table", type=int, choices=TITLES, action="append", metavar="N",
                        help=f"only this table, one of {', '.join(map(str, TITLES))}; may be repeated")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown")
    _options.add_json(form)
    return parser


def run(args):
    rows = paper(args.table)
    if args.json:
        _options.print_json(rows)
    else:
        print(format_paper(rows, args.markdown))
    return 0
