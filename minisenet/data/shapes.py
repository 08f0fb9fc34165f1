"""The built-in `shapes` set: 32x32 colour images, drawn from a seed. The whole image decides which channel matters.

Each image shows two figures of different kinds, a warm one (more red than blue) and a cool one (more blue than red), on a
ground. On stripes the warm figure counts, on a plain ground the cool one:

    class = (kind of the figure that counts) x (kind of the ground)        5 kinds x 2 grounds = 10 classes

A classifier that uses both figures but not the ground is right at most half of the time. The ground covers the whole image,
so `squeeze` can detect it, and `excitation` can then choose the warm or the cool channels: the gates differ by class.
Positions, sizes, angles, colours, the stripes' period and phase, and the noise are all random. So no single pixel tells the
class, and a linear model does little better than chance.

Image i is a pure function of (seed, split, i). Between machines, sines and square roots may differ in the last place, and so
a pixel by one grey level.
"""
import numpy as np

from minisenet import arguments
from minisenet import random
from minisenet.data.dataset import Dataset

SIZE = 32
KINDS = ("disc", "ring", "square", "triangle", "cross")
GROUNDS = ("stripes", "plain")
CLASSES = tuple(f"{kind} on {ground}" for kind in KINDS for ground in GROUNDS)
NOISE = 24          # the sum of two draws from -NOISE/2 ... NOISE/2, a triangle of deviation NOISE / sqrt(6) grey levels

# The draws of one image, each with its own stream.
(OTHER_KIND, RADIUS, RADIUS_OTHER, ANGLE, ANGLE_OTHER, AXIS, GAP, ROW, COLUMN, WARM, COOL, WARM_LIGHT, COOL_LIGHT,
 WARM_GREEN, COOL_GREEN, GROUND_LIGHT, GROUND_TINT, GROUND_GREEN, PERIOD, SLANT, PHASE, CONTRAST, GRAIN) = range(23)


# ---- the figures: signed distances to their edges in pixels, negative inside --------------------------------------------
# x and y are coordinates from the figure's centre, rotated with it; r is its radius; all broadcast.

def _disc(x, y, r):
    return np.hypot(x, y) - 0.9 * r


def _ring(x, y, r):
    return np.abs(np.hypot(x, y) - 0.75 * r) - 0.22 * r


def _square(x, y, r):
    return np.maximum(np.abs(x), np.abs(y)) - 0.76 * r


def _triangle(x, y, r):
    """Three edges at distance 0.55 r from the centre; the corners are at distance 1.1 r."""
    slope = np.float32(np.sqrt(3) / 2)
    return np.maximum(np.maximum(slope * x - 0.5 * y, -slope * x - 0.5 * y), y) - 0.55 * r


def _cross(x, y, r):
    long, short = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    return np.maximum(long - r, short - 0.27 * r)


_DISTANCES = (_disc, _ring, _square, _triangle, _cross)


def _coverage(kind, centre, angle, radius):
    """The part of each pixel that a figure covers: float32 (n, SIZE, SIZE), from 0 to 1, with soft edges one pixel wide."""
    grid = np.arange(SIZE, dtype=np.float32) + np.float32(0.5)
    cover = np.empty((len(kind), SIZE, SIZE), np.float32)
    for k, distance in enumerate(_DISTANCES):
        i = np.flatnonzero(kind == k)
        dy = grid[:, None] - centre[i, 0, None, None]
        dx = grid[None, :] - centre[i, 1, None, None]
        cos, sin = (f(angle[i, None, None]) for f in (np.cos, np.sin))
        cover[i] = np.clip(0.5 - distance(cos * dx + sin * dy, cos * dy - sin * dx, radius[i, None, None]), 0, 1)
    return cover


def _stripes(period, slant, phase):
    """A wave across the image: float32 (n, SIZE, SIZE) in [-1, 1]."""
    grid = np.arange(SIZE, dtype=np.float32)
    period, slant, phase = (value[:, None, None] for value in (period, slant, phase))
    return np.sin(np.float32(2 * np.pi) / period * (np.cos(slant) * grid[None, :] + np.sin(slant) * grid[:, None]) + phase)


def _colour(light, red_over_blue, green):
    """(n, 1, 1, 3): `light` in every channel, with half of `red_over_blue` added to red and subtracted from blue."""
    return np.stack([light + red_over_blue / 2, light + green, light - red_over_blue / 2], -1)[:, None, None, :]


def _draw(seed, split, index):
    """Images (n, SIZE, SIZE, 3) of uint8 and labels (n,) of int64 for the given indices."""
    def uniform(stream, low, high):
        return random.uniform(seed, random.SHAPES + stream, split, index, low, high).astype(np.float32)

    label = index % len(CLASSES)                        # every class once in any ten consecutive images
    kind, ground = label // len(GROUNDS), label % len(GROUNDS)
    other = (kind + 1 + random.integers(len(KINDS) - 1, seed, random.SHAPES + OTHER_KIND, split, index)) % len(KINDS)

    # Two figures on an axis through a point near the middle. Their distance is the sum of their radii and a gap. The image's
    # edge may cut one pixel off.
    radius, radius_other = uniform(RADIUS, 5.5, 7.5), uniform(RADIUS_OTHER, 5.5, 7.5)
    axis, half = uniform(AXIS, 0, 2 * np.pi), (radius + radius_other + uniform(GAP, 0, 2)) / 2
    arm = half[:, None] * np.stack([np.sin(axis), np.cos(axis)], -1)
    slack = np.maximum(SIZE / 2 + 1 - np.abs(arm) - np.maximum(radius, radius_other)[:, None], 0)
    middle = SIZE / 2 + slack * np.stack([uniform(ROW, -1, 1), uniform(COLUMN, -1, 1)], -1)
    counts = _coverage(kind, middle + arm, uniform(ANGLE, 0, 2 * np.pi), radius)
    distracts = _coverage(other, middle - arm, uniform(ANGLE_OTHER, 0, 2 * np.pi), radius_other)
    striped = (ground == 0)[:, None, None, None]
    warm, cool = (np.where(striped, *pair) for pair in ((counts[..., None], distracts[..., None]),
                                                        (distracts[..., None], counts[..., None])))

    stripes = _stripes(uniform(PERIOD, 4, 7), uniform(SLANT, 0, 2 * np.pi), uniform(PHASE, 0, 2 * np.pi))
    contrast = np.where(ground == 0, uniform(CONTRAST, 18, 40), 0)
    image = _colour(uniform(GROUND_LIGHT, 70, 185), uniform(GROUND_TINT, -20, 20), uniform(GROUND_GREEN, -20, 20))
    image = image + (stripes * contrast[:, None, None])[..., None]
    image += warm * (_colour(uniform(WARM_LIGHT, 90, 165), uniform(WARM, 110, 190), uniform(WARM_GREEN, -40, 40)) - image)
    image += cool * (_colour(uniform(COOL_LIGHT, 90, 165), uniform(COOL, -190, -110), uniform(COOL_GREEN, -40, 40)) - image)

    # Grain: four values of noise from each 64 random bits, each the sum of two bytes.
    pixels = SIZE * SIZE * 3
    words = random.bits(seed, random.SHAPES + GRAIN, split, index[:, None] * (pixels // 4) + np.arange(pixels // 4))
    grain = words.astype("<u8", copy=False).view(np.uint8).reshape(len(index), SIZE, SIZE, 3, 2)
    image += (np.add(grain[..., 0], grain[..., 1], dtype=np.float32) - 255) * np.float32(NOISE / 255)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), label


def shapes(*, seed=0, train=10_000, test=2_000, source="the built-in shapes"):
    """Draw the set.

    Parameters
    ----------
    seed : int
    train, test : int
        The numbers of images. A smaller set is the beginning of a larger one.
    source : str
        The Dataset's `source`; the seed is added.

    Returns
    -------
    Dataset
        10 classes. Training and test images are drawn from different random streams.

    Raises
    ------
    TypeError, ValueError
        If a number is not an integer, if the seed is negative, or if there would be no image.
    """
    arrays, numbers = [], [arguments.integer(name, n, 1) for name, n in (("train", train), ("test", test))]
    for split, n in enumerate(numbers):
        parts = [_draw(seed, split, np.arange(start, min(start + 250, n))) for start in range(0, n, 250)]
        arrays += [np.concatenate(part) for part in zip(*parts)]
    return Dataset("shapes", f"{source}, seed {seed}", CLASSES, *arrays)
