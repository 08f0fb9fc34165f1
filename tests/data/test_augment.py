"""Augmentation against a loop over pixels, written from the definition."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minisenet
from backends import CYTHON
from minisenet.data.augment import augment, draw, normalise

pytestmark = pytest.mark.section_5


@pytest.fixture(params=["numpy", CYTHON], autouse=True)
def backend(request):
    with minisenet.use_backend(request.param):
        yield request.param


def pixel_by_pixel(images, mean, std, shift, flip, hole, padding, hole_size):
    n, height, width, channels = images.shape
    y = np.zeros(images.shape, np.float64)
    for i, row, column in np.ndindex(n, height, width):
        in_hole = all(0 <= p - (centre - hole_size // 2) < hole_size for p, centre in zip((row, column), hole[i]))
        if in_hole:
            continue
        r = shift[i, 0] + row - padding
        c = shift[i, 1] + (width - 1 - column if flip[i] else column) - padding
        inside = 0 <= r < height and 0 <= c < width
        for k in range(channels):
            y[i, row, column, k] = ((images[i, r, c, k] if inside else 0) / 255 - mean[k]) / std[k]
    return y


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 3), height=st.integers(1, 9), width=st.integers(1, 9), channels=st.integers(1, 4),
       padding=st.integers(0, 5), hole_size=st.integers(0, 12), dtype=st.sampled_from([np.float32, np.float64]),
       seed=st.integers(0, 2**32))
def test_equals_the_definition(n, height, width, channels, padding, hole_size, dtype, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    mean, std = rng.random(channels).astype(dtype), (0.1 + rng.random(channels)).astype(dtype)
    shift, flip = rng.integers(0, 2 * padding + 1, (n, 2)), rng.random(n) < 0.5
    hole = np.stack([rng.integers(0, height, n), rng.integers(0, width, n)], -1)
    before = images.copy()
    y = augment(images, mean, std, shift, flip, hole, padding=padding, hole_size=hole_size)
    assert y.dtype == dtype and y.flags.c_contiguous
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y, pixel_by_pixel(images, mean.astype(float), std.astype(float), shift, flip, hole, padding,
                                                 hole_size), rtol=4 * eps, atol=8 * eps / std.min())
    np.testing.assert_array_equal(images, before)
    strided = np.repeat(images, 2, axis=2)[:, :, ::2]
    np.testing.assert_array_equal(y, augment(strided, mean, std, shift.astype(np.int16), flip.astype(np.uint8), hole,
                                             padding=padding, hole_size=hole_size))


def test_a_pencil_example():
    image = np.array([[0, 51], [102, 255]], np.uint8).reshape(1, 2, 2, 1)
    zero, one = np.array([0.0]), np.array([1.0])

    def run(shift=(1, 1), flip=False, hole=(0, 0), hole_size=0):
        return augment(image, zero, one, np.array([shift]), np.array([flip]), np.array([hole]), padding=1,
                       hole_size=hole_size)[0, :, :, 0].tolist()
    assert run() == [[0, 0.2], [0.4, 1]]
    assert run(shift=(2, 1)) == [[0.4, 1], [0, 0]]                  # the crop begins a row lower: the image moves up
    assert run(shift=(1, 0)) == [[0, 0], [0, 0.4]]
    assert run(flip=True) == [[0.2, 0], [1, 0.4]]
    assert run(shift=(1, 2), flip=True) == [[0, 0.2], [0, 1]]       # crop first, then mirror
    assert run(hole=(1, 1), hole_size=1) == [[0, 0.2], [0.4, 0]]
    assert run(hole=(1, 1), hole_size=2) == [[0, 0], [0, 0]]        # a square of even side extends further up and left
    assert run(hole=(0, 1), hole_size=2) == [[0, 0], [0.4, 1]]
    assert normalise(image, np.array([0.2]), np.array([0.4]))[0, 1, 1, 0] == pytest.approx(2)


def test_float32_is_the_dtype_of_the_mean():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    for dtype in (np.float32, np.float64):
        mean, std = np.array([0.4, 0.5, 0.6], dtype), np.array([0.2, 0.3, 0.25], dtype)
        y = normalise(images, mean, std)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, (images / 255 - mean.astype(float)) / std, rtol=1e-5, atol=1e-6)


GOOD = dict(images=np.zeros((2, 3, 4, 3), np.uint8), mean=np.zeros(3), std=np.ones(3), shift=np.zeros((2, 2), int),
            flip=np.zeros(2, bool), hole=np.zeros((2, 2), int))


@pytest.mark.parametrize("change, error, message", [
    *[({name: [1.0]}, TypeError, f"{name} must be a NumPy array.*, got list: use np.asarray") for name in GOOD],
    (dict(images=None), TypeError, "images must be a NumPy array .N, H, W, C., got None: it is required"),
    (dict(images=np.zeros((2, 3, 4, 3))), TypeError, "images must be uint8, 0 to 255, got float64"),
    (dict(images=np.zeros((3, 4, 3), np.uint8)), ValueError, "images must be .N, H, W, C. and not empty, got shape"),
    (dict(images=np.zeros((0, 3, 4, 3), np.uint8)), ValueError, "images must be .N, H, W, C. and not empty, got shape"),
    (dict(mean=np.zeros(4)), ValueError, "mean must have shape"),
    (dict(mean=np.zeros(3, int)), TypeError, "mean must be floating"),
    (dict(std=np.ones(3, np.float32)), TypeError, "std must be float64 as mean is"),
    (dict(std=np.zeros(3)), ValueError, "above 0"),
    (dict(std=np.full(3, np.nan)), ValueError, "above 0"),
    (dict(mean=np.zeros(3, complex), std=np.ones(3, complex)), TypeError, "real"),
    (dict(shift=np.array([[0, 0], [0, 9]])), ValueError, "shift must be from 0 to 8 for padding 4, got 0 to 9"),
    (dict(shift=np.array([[0, -1], [0, 0]])), ValueError, "shift must be from 0 to 8 .*, got -1 to 0"),
    (dict(shift=np.zeros((2, 2))), TypeError, "shift must be integers"),
    (dict(shift=np.zeros((1, 2), int)), ValueError, "shift must have shape"),
    (dict(shift=np.array([[0, 0], [0, 1]]), padding=0), ValueError, "shift must be from 0 to 0 for padding 0, got 0 to 1"),
    (dict(flip=np.array([0, 2], np.uint8)), ValueError, "flip must be 0 or 1, got 2"),
    (dict(flip=np.zeros(2)), TypeError, "flip must be bool or uint8"),
    (dict(flip=np.zeros(3, bool)), ValueError, "flip must have shape"),
    (dict(hole=np.array([[3, 0], [0, 0]])), ValueError, "hole must be a pixel .* from .0, 0. to .2, 3., got .0, 0. to .3, 0."),
    (dict(hole=np.array([[0, 4], [0, 0]])), ValueError, "hole"),
    (dict(hole=np.array([[0, -1], [0, 0]])), ValueError, "hole"), (dict(hole_size=-1), ValueError, "hole_size"),
    (dict(padding=-1), ValueError, "padding"), (dict(padding=1.0), TypeError, "padding"),
])
def test_bad_arguments(change, error, message):
    options = {**GOOD, **change}
    arguments = [options.pop(name) for name in GOOD]
    with pytest.raises(error, match=message):
        augment(*arguments, **options)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 300), n=st.integers(1, 60), padding=st.integers(0, 6),
       height=st.integers(1, 40), width=st.integers(1, 40))
def test_draws_fit_augment_and_belong_to_the_image(seed, epoch, n, padding, height, width):
    indices = np.random.default_rng(0).permutation(1000)[:n]
    drawn = draw(seed, epoch, indices, (height, width), padding=padding)
    augment(np.zeros((n, height, width, 1), np.uint8), np.zeros(1), np.ones(1), **drawn, padding=padding, hole_size=3)
    last = draw(seed, epoch, indices[-1:], (height, width), padding=padding)
    for name in drawn:
        np.testing.assert_array_equal(drawn[name][-1:], last[name])
    assert not draw(seed, epoch, indices, (height, width), padding=padding, flip=False)["flip"].any()


def test_draws_cover_everything_evenly():
    drawn = draw(0, 3, np.arange(8100), 32)
    counts = np.zeros((9, 9), int)
    np.add.at(counts, tuple(drawn["shift"].T), 1)
    assert ((counts - 100) ** 2 / 100).sum() < 81 + 5 * np.sqrt(162)        # rows and columns are independent
    assert abs(drawn["flip"].mean() - 0.5) < 5 * 0.5 / 90
    assert sorted(set(drawn["hole"].ravel())) == list(range(32))
    assert (draw(0, 4, np.arange(8100), 32)["shift"] != drawn["shift"]).any(axis=1).mean() > 0.9
