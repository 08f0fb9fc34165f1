"""`minisenet export`: a trained network's weights for timm or torchvision."""
from pathlib import Path

from minisenet.models.weights import SOURCES, export_weights
from minisenet.train.run_folder import trained, write_atomically


def add(commands):
    parser = commands.add_parser("export", help="write weights for timm or torchvision",
                                 description="Write a run's best weights as a .safetensors file with the names and shapes of another program.")
    parser.add_argument("run_folder", metavar="RUN", help="a run folder, for its best checkpoint, or a .safetensors file of one")
    parser.add_argument("file", metavar="FILE", help="the .safetensors file to write")
    parser.add_argument("--to", required=True, choices=SOURCES, help="the program that will read it")
    return parser


def run(args):
    file = Path(args.file)
    if file.suffix != ".safetensors":
        raise ValueError(f"FILE must end with .safetensors, got {file.name}")
    path, model, _ = trained(args.run_folder)
    name, exported = export_weights(model, args.to)
    import safetensors.numpy
    write_atomically(file, safetensors.numpy.save(exported))
    print(f"{file}: {model.name} of {path} as {name} of {args.to}, {len(exported)} tensors")
    return 0
