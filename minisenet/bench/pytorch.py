"""PyTorch's contenders: the same network, weights and batch in PyTorch, trained as its users would train it."""
from minisenet import models
from minisenet.bench.ours import LR, batch


class Reference:
    """The network in PyTorch, with its training step and its inference as functions without arguments."""

    def __init__(self, settings, *, layout, compiled=False):
        import torch
        from minisenet.reference.networks import reference_of, to_nchw
        from minisenet.reference.train import set_lr, sgd
        torch.set_num_threads(settings.threads)
        layout = getattr(torch, layout)
        images, labels = batch(settings)
        self.reference = reference_of(models.create(settings.model, **settings.options)).to(memory_format=layout)
        self.images, self.labels = to_nchw(images).contiguous(memory_format=layout), torch.from_numpy(labels)
        self.optimiser = sgd(self.reference)
        set_lr(self.optimiser, LR)
        self.call = torch.compile(self.reference) if compiled else self.reference

    def train(self):
        """The step: forward, loss, backward, SGD with Nesterov's momentum 0.9 and weight decay 5e-4."""
        import torch
        self.reference.train()

        def step():
            self.optimiser.zero_grad()
            torch.nn.functional.cross_entropy(self.call(self.images), self.labels).backward()
            self.optimiser.step()
        return step

    def inference(self):
        """The step: one forward with running statistics, which saves nothing."""
        import torch
        self.reference.eval()

        def step():
            with torch.inference_mode():
                self.call(self.images)
        return step


def channels_last(settings):
    return Reference(settings, layout="channels_last")


def nchw(settings):
    return Reference(settings, layout="contiguous_format")


def compiled(settings):
    """torch.compile of the channels-last network; the first step compiles, and needs a C++ compiler."""
    return Reference(settings, layout="channels_last", compiled=True)
