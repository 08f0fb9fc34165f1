"""minisenet's contenders: the network on the fastest backend, its plain twin there, and the NumPy bodies."""
from dataclasses import replace

import numpy as np

import minisenet.functional as F
from minisenet import models
from minisenet.backend import set_backend, set_num_threads
from minisenet.layers import inference_mode
from minisenet.optim import SGD

LR = 0.01


def batch(settings):
    """Random images (N, H, W, 3) in float32 and labels (N,): a step needs the same time as with real ones."""
    rng, network, n = np.random.default_rng(0), models.MODELS[settings.model], settings.batch_size
    images = rng.standard_normal((n, network.image_size, network.image_size, 3)).astype(np.float32)
    return images, rng.integers(0, network.num_classes, n)


class Ours:
    """A network of minisenet's, with its training step and its inference as functions without arguments."""

    def __init__(self, settings, name, backend):
        set_backend(backend)
        set_num_threads(settings.threads)
        self.model = models.create(name, **settings.options)
        self.images, self.labels = batch(settings)
        self.optimiser = SGD(self.model.parameters())

    def train(self):
        """The step: forward, loss, backward, SGD with Nesterov's momentum 0.9 and weight decay 5e-4."""
        self.model.train()

        def step():
            _, p = F.softmax_cross_entropy(self.model.forward(self.images), self.labels)
            self.model.backward(F.softmax_cross_entropy_backward(p, self.labels))
            self.optimiser.step(LR)
        return step

    def inference(self):
        """The step: one forward with running statistics, which saves nothing."""
        self.model.eval()

        def step():
            with inference_mode():
                self.model.forward(self.images)
        return step


def fastest(settings):
    return Ours(settings, settings.model, "auto")


def plain(settings):
    """The same network without its SE blocks, and so without their options."""
    name = models.MODELS[settings.model].plain
    own = {option: value for option, value in settings.options.items() if option in models.MODELS[name].defaults}
    return Ours(replace(settings, options=own), name, "auto")


def bodies(settings):
    return Ours(settings, settings.model, "numpy")
