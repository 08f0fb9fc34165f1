"""`minisenet summary`: a network's cost, layer by layer."""
from minisenet import models
from minisenet.cli import _options
from minisenet.graph import draw
from minisenet.summary import format_summary, summary
from minisenet.train import options


def add(commands):
    parser = commands.add_parser("summary", help="count a network's cost",
                                 description="Shapes, parameters, multiply-adds and saved bytes of each layer, and the "
                                             "totals beside the specification's.")
    parser.add_argument("model", metavar="MODEL", help=f"one of {', '.join(models.MODELS)}")
    options.add_model(parser)
    parser.add_argument("--classes", type=options.number(int, 1), metavar="K", help="default: the number of classes of its data set")
    parser.add_argument("--image-size", type=options.number(int, 1), metavar="N",
                        help="default: the image size that the network was designed for")
    parser.add_argument("--graph", metavar="FILE", help="draw the network's graph too: .svg, .png or .pdf (by Graphviz), or .dot")
    _options.add_json(parser)
    return parser


def run(args):
    model = models.create(args.model, args.classes, **options.model_options(args))
    result = summary(model, args.image_size)
    if args.graph:
        draw(model, args.graph, args.image_size)
    if args.json:
        _options.print_json(result)
    else:
        print(format_summary(result))
    return 0
