import dataclasses

import numpy as np
import pytest

import minisenet
from minisenet.data.shapes import shapes
from minisenet.models.resnet import CifarResNet


@pytest.fixture(scope="session")
def data():
    """A small set: every second pixel of 96 training and 40 test images of the shapes."""
    full = shapes(train=96, test=40)
    halves = {name: np.ascontiguousarray(getattr(full, name)[:, ::2, ::2]) for name in ("train_images", "test_images")}
    return dataclasses.replace(full, **halves)


@pytest.fixture(scope="session")
def new_model():
    """A function that makes a small network, the same at each call: depth 8, three blocks."""
    def make(*, se=True, num_classes=10, width=4, reduction=4):
        model = CifarResNet(8, num_classes, width=width, reduction=reduction if se else None)
        model.name = "se_resnet8" if se else "resnet8"
        model.options = dict(num_classes=num_classes, width=width, reduction=reduction)
        return model
    return make


@pytest.fixture(autouse=True)
def one_thread():
    """One thread: these networks are too small for more, and on a busy machine threads wait for each other."""
    minisenet.set_num_threads(1)
