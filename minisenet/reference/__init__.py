"""The reference: the same networks as plain PyTorch modules, for comparison. It needs `pip install "minisenet[torch]"`.

    blocks      the SE block, its variants and the residual blocks as a PyTorch user would write them
    networks    ResNets and their relatives, and `reference_of(layer)`
    families    VGG, Inception, MobileNet, ShuffleNet
    operations  each operation of the gradient checker as one expression of PyTorch's
    freeze      `python -m minisenet.reference.freeze` writes PyTorch's numbers for the gradient checker, which uses them without PyTorch
    train       `python -m minisenet.reference.train` trains one of them as `minisenet train` trains ours

Only the benchmark and `minisenet/__init__.py` import this package. The latter hands `evaluate` to the gradient checker.
"""
