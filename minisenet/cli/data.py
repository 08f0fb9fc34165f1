"""`minisenet data`: download, find or verify CIFAR. No other command downloads anything."""
from minisenet.data import DataError, download


def add(commands):
    parser = commands.add_parser("data", help="download, find or verify CIFAR",
                                 description="Only `get` downloads.")
    parser.add_argument("action", choices=("get", "where", "verify"), help="download it; print its path; check every file")
    parser.add_argument("name", nargs="?", choices=("cifar10", "cifar100"), default="cifar10", help="default: cifar10")
    return parser


def run(args):
    if args.action == "verify":
        verdict = download.verify(args.name)
        print(f"{verdict.path}: {verdict.status}; {verdict.detail}")
        return 0 if verdict.status == "official" else 1
    place = getattr(download, args.action)(args.name)
    if place is None:
        raise DataError(f"{args.name} is not on this machine: `minisenet data get {args.name}` downloads it")
    print(place)
    return 0
