"""`minisenet data`: get CIFAR, say where it is, verify it. The only command that downloads anything."""
from minisenet.data import DataError, download


def add(commands):
    parser = commands.add_parser("data", help="download, find or verify CIFAR",
                                 description="Nothing is downloaded unless `get` says so.")
    parser.add_argument("action", choices=("get", "where", "verify"), help="download it; say where it is; check every file")
    parser.add_argument("name", nargs="?", choices=("cifar10", "cifar100"), default="cifar10", help="default: cifar10")
    return parser


def run(args):
    if args.action == "verify":
        verdict = download.verify(args.name)
        print(f"{verdict.path}: {verdict.status}; {verdict.detail}")
        return 0 if verdict.status == "official" else 1
    place = getattr(download, args.action)(args.name)
    if place is None:
        raise DataError(f"{args.name} is not on this machine: `minisenet data get {args.name}` gets it")
    print(place)
    return 0
