"""Networks by name: `create("se_resnet20", num_classes=10, reduction=4)`."""
from minisenet.models.inception import BNInception, InceptionResNetV2
from minisenet.models.mobile import MobileNet, ShuffleNet
from minisenet.models.network import Network
from minisenet.models.preact import PreActResNet
from minisenet.models.registry import MODELS
from minisenet.models.resnet import CifarResNet, ResNet
from minisenet.models.shake import ShakeEven29, ShakeShake26
from minisenet.models.vgg import VGG
from minisenet.models.weights import WeightsError, export_weights, load_weights

__all__ = ["MODELS", "BNInception", "CifarResNet", "InceptionResNetV2", "MobileNet", "Network", "PreActResNet", "ResNet",
           "ShakeEven29", "ShakeShake26", "ShuffleNet", "VGG", "WeightsError", "create", "export_weights",
           "load_weights"]


def create(name, num_classes=None, **options):
    """Build a network.

    Parameters
    ----------
    name : str
        One of `MODELS`. Every network has a plain twin, whose name has no "se_"; that of "senet154" is itself with
        `reduction=None`.
    num_classes : int, optional
        By default that of the network's data set, 10 for the CIFAR networks and 1,000 for those of ImageNet.
    **options
        Those of the network's class, such as width and seed, and of a network with SE blocks those of
        `minisenet.models.network.stage_options`: reduction, se_bias, squeeze, gate, place, se_stages.

    Returns
    -------
    Layer
        The network, in float32. Use `.astype(np.float64)` to check gradients. Its `name` and `options` say how it was made;
        `image_size` is the size of the images that it is for.

    Raises
    ------
    TypeError, ValueError
        If the name or an option is unknown, or if an option is out of range.
    """
    if name not in tuple(MODELS):                           # a list has no hash
        raise ValueError(f"model name must be one of {', '.join(MODELS)}, got {name!r}")
    entry = MODELS[name]
    for option in options:
        if option not in entry.defaults:
            raise ValueError(f"options of {name} must be among {', '.join(entry.defaults)}, got {option!r}")
    options = dict(num_classes=entry.num_classes if num_classes is None else num_classes, **options)
    model = entry.create(**options)
    model.name, model.options, model.image_size = name, options, options.get("image_size", entry.image_size)
    return model
