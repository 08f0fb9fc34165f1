"""The contenders, their common settings, and why one cannot take part."""
import importlib.util
from dataclasses import dataclass, field

from minisenet import models
from minisenet.backend import builds


@dataclass(frozen=True)
class Settings:
    """The same for all contenders: the network, the batch, the threads."""

    model: str = "se_resnet20"
    options: dict = field(default_factory=dict)     # of `minisenet.models.create`
    batch_size: int = 128
    threads: int = 1


@dataclass(frozen=True)
class Contender:
    """`maker` is the "module:name" that its process calls with the settings; the rest says what it needs to take part."""

    maker: str
    kernels: bool = False
    torch: bool = False
    se: bool = False


CONTENDERS = {
    "minisenet": Contender("minisenet.bench.ours:fastest", kernels=True),
    "minisenet_plain": Contender("minisenet.bench.ours:plain", kernels=True, se=True),
    "pytorch_eager_channels_last": Contender("minisenet.bench.pytorch:channels_last", torch=True),
    "pytorch_eager_nchw": Contender("minisenet.bench.pytorch:nchw", torch=True),
    "pytorch_compile": Contender("minisenet.bench.pytorch:compiled", torch=True),
    "numpy": Contender("minisenet.bench.ours:bodies"),
}
EAGER = ("pytorch_eager_channels_last", "pytorch_eager_nchw")       # the better of the two counts as PyTorch eager


def why_not(name, settings):
    """Why a contender cannot take part on this machine, or None. This imports nothing."""
    contender = CONTENDERS[name]
    if contender.torch and importlib.util.find_spec("torch") is None:
        return 'PyTorch is not installed: pip install "minisenet[torch]"'
    if contender.kernels and builds.kernels is None:
        return f"the compiled kernels are not installed ({builds.why_no_kernels})"
    if contender.se and models.MODELS[settings.model].plain is None:
        return f"{settings.model} is itself a network without SE blocks"
    return None
