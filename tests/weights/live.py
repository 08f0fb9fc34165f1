"""timm's and torchvision's own networks, where these are installed."""
import sys
import types


def network(source, name):
    """The network of a source, with random weights."""
    # torchvision's compiled operations may be for another PyTorch; its networks need none of them
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    if source == "torchvision":
        import torchvision
        return torchvision.models.get_model(name)
    import timm
    return timm.create_model(name)


def installed():
    """Whether both can be imported."""
    try:
        network("torchvision", "resnet18")
        import timm  # noqa: F401
    except Exception:                                       # a package for another PyTorch can raise anything
        return False
    return True
