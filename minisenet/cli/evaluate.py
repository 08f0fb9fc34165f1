"""`minisenet evaluate`: test loss and accuracy of a run's best checkpoint, or of any checkpoint."""
from pathlib import Path

from minisenet import data as sets
from minisenet.cli import _options
from minisenet.train import evaluate, options
from minisenet.train.run_folder import RunError, read_config, trained


def add(commands):
    parser = commands.add_parser("evaluate", help="test a checkpoint", description="Run a trained network on test images.")
    parser.add_argument("checkpoint", metavar="RUN_OR_CHECKPOINT",
                        help="a run folder, for its best checkpoint, or a .safetensors file")
    options.add_data(parser, "the data set of the run")
    _options.add_machine(parser)
    _options.add_json(parser)
    return parser


def run(args):
    _options.set_machine(args)
    path, model, metadata = trained(args.checkpoint)
    made = metadata["model"]
    data = sets.load(args.data or _trained_on(path, metadata))
    classes = metadata["data"]["classes"]
    if len(data.classes) != len(classes):
        raise RunError(f"--data must have the checkpoint's {len(classes)} classes, got {data.name} with {len(data.classes)}: evaluate "
                       f"{path} with --data {metadata['data']['name']}")
    figures = evaluate(model, data, normalisation=metadata["normalisation"])
    if args.json:
        _options.print_json(dict(checkpoint=str(path), model=made["name"], epoch=metadata["epoch"], data=data.name,
                                 test_images=len(data.test_labels), **figures))
        return 0
    print(f"{path}: {made['name']} after epoch {metadata['epoch']}, "
          f"on the {len(data.test_labels):,} test images of {data.name}")
    print(f"test loss {figures['test_loss']:.4f}, test accuracy {figures['test_accuracy']:.2%}")
    width = max(len(name) for name in figures["class_accuracy"])
    for name, accuracy in figures["class_accuracy"].items():
        print(f"  {name:{width}}  " + ("no test images" if accuracy is None else f"{accuracy:6.1%}"))
    return 0


def _trained_on(path, metadata):
    """The run's own --data; for a checkpoint outside of its run folder, the data set's name."""
    try:
        return read_config(Path(path).parent)["notes"]["train"]["data"]
    except (RunError, KeyError):
        return metadata["data"]["name"]
