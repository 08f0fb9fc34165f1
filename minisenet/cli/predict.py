"""`minisenet predict`: the classes that a network sees in images, and the gates of its SE blocks for them."""
import dataclasses
import sys
from pathlib import Path

import numpy as np

from minisenet import models
from minisenet.blocks import SEBlock
from minisenet.cli import _options
from minisenet.data import DataError
from minisenet.data.images import imagenet_classes, prepare, read_image
from minisenet.functional import softmax_cross_entropy
from minisenet.layers import inference_mode
from minisenet.models.weights import OURS, SOURCES, find_origin
from minisenet.models.weights.sources import CAFFE, Preprocessing
from minisenet.train.options import number
from minisenet.train.run_folder import trained


def add(commands):
    parser = commands.add_parser("predict", help="classify images", description="The likeliest classes of each image, by a network that "
                                 "was trained here, or by weights of timm or torchvision.")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="an image file that Pillow can read")
    parser.add_argument("--model", required=True, metavar="RUN|NAME", help="a run folder or checkpoint; or, with --weights, a network's name in its source")
    parser.add_argument("--weights", metavar="FILE", help="a .safetensors, .pth, .pt or .bin file")
    parser.add_argument("--source", choices=(*SOURCES, OURS), default=OURS, help="where the weights come from (default: %(default)s)")
    parser.add_argument("--caffe", action="store_true", help="prepare images as for the authors' Caffe weights: blue, green and red "
                        "from 0 to 255, less 104, 117 and 123")
    parser.add_argument("--top", type=number(int, 1), default=5, metavar="K", help="how many classes (default: %(default)s)")
    parser.add_argument("--gates", metavar="FILE.png", help="draw the gates of each image against the mean of all")
    _options.add_machine(parser)
    _options.add_json(parser)
    return parser


def run(args):
    _options.set_machine(args)
    model, classes, preprocessing = _of_weights(args) if args.weights else _of_run(args.model)
    preprocessing = dataclasses.replace(preprocessing, **CAFFE if args.caffe else {})
    results, gates, status = [], {}, 0
    for path in args.images:
        try:
            x = prepare(read_image(path), **vars(preprocessing))
        except DataError as error:                          # the other images are still classified
            status = 1
            results.append(dict(image=path, error=str(error)))
            _complain(error if path in str(error) else f"{path}: {error}")
            continue
        with inference_mode():
            logits = model(x[None])
        p = softmax_cross_entropy(logits, np.zeros(1, int))[1][0]
        best = np.argsort(-p, kind="stable")[:args.top]
        results.append(dict(image=path, classes=[{"class": classes[k], "index": int(k), "probability": float(p[k])} for k in best]))
        gates[path] = {name: layer.s[0] if layer.s.ndim == 2 else layer.s[0].mean(axis=(0, 1))
                       for name, layer in model.modules() if isinstance(layer, SEBlock)}
    if args.json:
        _options.print_json(results)
    else:
        _print(results)
    if args.gates and gates:
        _draw(args.gates, gates, args.model)
    return status


def _of_weights(args):
    model = models.load_weights(args.model, args.weights, args.source)
    origin = find_origin(args.model, args.source)
    preprocessing = origin.preprocessing if origin else Preprocessing(size=model.image_size, resize=model.image_size * 8 // 7)
    count = model.options["num_classes"]
    return model, imagenet_classes() if count == 1000 else [f"class {k}" for k in range(count)], preprocessing


def _of_run(path):
    _, model, metadata = trained(path)
    size, normalisation = model.image_size, metadata["normalisation"]
    return model.eval(), metadata["data"]["classes"], Preprocessing(size, size, "bicubic", tuple(normalisation["mean"]), tuple(normalisation["std"]))


def _print(results):
    for result in results:
        if "error" not in result:
            print(result["image"])
            for row in result["classes"]:
                print(f"  {row['probability']:7.2%}  {row['class']}")


def _complain(error):
    print(f"minisenet: error: {_options.one_line(error)}", file=sys.stderr)


def _draw(path, gates, title):
    if not all(gates.values()):
        raise ValueError(f"--gates must be left out for {title}, which has no SE blocks")
    from minisenet.train.curves import image_gates
    image_gates(Path(path), gates)
