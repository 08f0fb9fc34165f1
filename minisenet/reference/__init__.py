"""The reference: the same networks as plain PyTorch modules, to be compared with. It needs `pip install "minisenet[torch]"`.

    networks    SEBlock, BasicBlock, Bottleneck, CifarResNet as a PyTorch user would write them, and `reference_of(layer)`
    operations  each operation of the gradient checker as one expression of PyTorch's
    freeze      `python -m minisenet.reference.freeze` writes the numbers that the gradient checker compares with elsewhere
    train       `python -m minisenet.reference.train` trains one of them as `minisenet train` trains the network

Nothing here is imported by the rest of minisenet, apart from the benchmark, and from `minisenet/__init__.py`, which hands
`evaluate` to the gradient checker when it compares.
"""
