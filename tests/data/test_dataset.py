"""Dataset: its statistics, its limit, its errors."""
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minisenet.data import Dataset


def make(n=12, m=5, **change):
    rng = np.random.default_rng(n)
    arguments = dict(name="noise", source="noise", classes=list("abc"),
                     train_images=rng.integers(0, 256, (n, 4, 5, 3), dtype=np.uint8), train_labels=np.arange(n) % 3,
                     test_images=rng.integers(0, 256, (m, 4, 5, 3), dtype=np.uint8), test_labels=np.arange(m) % 3)
    return Dataset(**{**arguments, **change})


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 2500))
def test_statistics_are_those_of_the_training_images(n):
    d = make(n)
    np.testing.assert_allclose(d.mean, (d.train_images / 255).mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(d.std, (d.train_images / 255).std(axis=(0, 1, 2)), rtol=1e-10)
    assert d.mean.dtype == d.std.dtype == np.float64
    d.mean[:] = 0
    assert (d.mean > 0).any()       # an edit does not reach the cached values


def test_limit_takes_the_first_and_has_its_own_statistics():
    d = make(12)
    part = d.limit(5)
    np.testing.assert_array_equal(part.train_images, d.train_images[:5])
    np.testing.assert_array_equal(part.train_labels, d.train_labels[:5])
    assert part.test_images is d.test_images and part.mean[0] != d.mean[0]
    assert "first 5" in part.source and d.limit(12) is d
    for n in (0, -1, 13):
        with pytest.raises(ValueError, match="limit"):
            d.limit(n)
    with pytest.raises(TypeError):
        d.limit(2.5)


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().name = "other"


@pytest.mark.parametrize("change, error", [
    (dict(train_images=np.zeros((12, 4, 5, 3))), TypeError),
    (dict(train_images=np.zeros((12, 3, 4, 5), np.uint8)), ValueError),
    (dict(train_images=np.zeros((0, 4, 5, 3), np.uint8), train_labels=np.zeros(0, int)), ValueError),
    (dict(train_labels=np.zeros(11, int)), ValueError), (dict(train_labels=np.full(12, 3)), ValueError),
    (dict(test_labels=np.full(5, -1)), ValueError), (dict(test_labels=np.zeros(5)), TypeError),
    (dict(test_images=np.zeros((5, 4, 4, 3), np.uint8)), ValueError), (dict(test_images=[[1]]), TypeError),
])
def test_refuses_arrays_that_are_not_images_and_labels(change, error):
    with pytest.raises(error):
        make(**change)
