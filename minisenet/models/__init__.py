"""Networks by name: `create("se_resnet20", num_classes=10, reduction=4)`."""
from minisenet.models.registry import MODELS
from minisenet.models.resnet import CifarResNet

__all__ = ["MODELS", "CifarResNet", "create"]


def create(name, num_classes=None, **options):
    """Build a network.

    Parameters
    ----------
    name : str
        One of `MODELS`; every network has its plain twin without "se_".
    num_classes : int, optional
        Unless given, that of the data set that the network was made for.
    **options
        As the network's class takes them: width, reduction, se_bias, shortcut, seed.

    Returns
    -------
    Layer
        In float32; `.astype(np.float64)` to check gradients. Its `name` and `options` say how it was made, and its
        `image_size` for which images.

    Raises
    ------
    ValueError
        For an unknown name, an unknown option, or an option out of range.
    """
    if name not in tuple(MODELS):                           # a list has no hash
        raise ValueError(f"model name must be one of {', '.join(MODELS)}, got {name!r}")
    network = MODELS[name]
    for option in options:
        if option not in network.defaults:
            raise ValueError(f"options of {name} must be among {', '.join(network.defaults)}, got {option!r}")
    options = dict(num_classes=network.num_classes if num_classes is None else num_classes, **options)
    model = network.build(**options)
    model.name, model.options, model.image_size = name, options, network.image_size
    return model
