"""Networks by name: `create("se_resnet20", num_classes=10, reduction=4)`."""
import functools
import inspect

from minisenet.models.resnet import CifarResNet

MODELS = {f"{'se_' * se}resnet{depth}": functools.partial(CifarResNet, depth, se=se)
          for depth in (20, 32, 44, 56, 110) for se in (False, True)}


def create(name, num_classes=10, **options):
    """Build a network.

    Parameters
    ----------
    name : str
        One of `MODELS`; every network has its plain twin without "se_".
    num_classes : int
    **options
        As the network's class takes them: width, reduction, se_bias, shortcut, seed.

    Returns
    -------
    Layer
        In float32; `.astype(np.float64)` to check gradients. Its `name` and `options` say how it was made.

    Raises
    ------
    ValueError
        For an unknown name, an unknown option, or an option out of range.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; it is one of {', '.join(MODELS)}")
    known = [k for k in inspect.signature(MODELS[name]).parameters if k not in ("num_classes", "se")]
    for option in options:
        if option not in known:
            raise ValueError(f"{name} has no option {option!r}; it takes {', '.join(known)}")
    model = MODELS[name](num_classes, **options)
    model.name, model.options = name, dict(num_classes=num_classes, **options)
    return model
