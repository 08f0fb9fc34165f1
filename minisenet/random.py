"""Randomness as a pure function of (seed, stream, epoch, index): there is no state to save or to restore.

With a generator's state, image 7 of epoch 3 depends on everything drawn before it. Here `bits(seed, stream, epoch, index)`
hashes its four arguments to 64 bits, vectorised over index. So a resumed run, another batch size or another number of threads
gives the same crops and the same order. The bits use only integer arithmetic modulo 2^64, so they are the same on every
machine and with every NumPy.

Source: SplitMix64 of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), in Vigna's
form with Stafford's variant 13 of the finaliser. For a fixed (seed, stream, epoch), `bits` is exactly that generator's
output number `index`.
"""
import numpy as np

from minisenet import arguments

GOLDEN = 0x9E3779B97F4A7C15     # 2^64 / golden ratio, odd: its multiples reach all 64-bit integers
_WORD = (1 << 64) - 1

# One stream for each thing that is drawn, so that no two draws share bits. (Those of the shapes begin at SHAPES.)
ORDER, SHIFT_ROW, SHIFT_COLUMN, FLIP, HOLE_ROW, HOLE_COLUMN, DROPOUT, ALPHA, BETA, SHAPES = 0, 1, 2, 3, 4, 5, 6, 7, 8, 64


def finalise(z):
    """The finaliser of SplitMix64: a bijection on uint64 in which every input bit affects every output bit.

    Parameters
    ----------
    z : ndarray of uint64, any shape

    Returns
    -------
    ndarray of uint64, the shape of z
    """
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _key(*words):
    """One 64-bit integer from several, each hashed together with those before it."""
    key = 0
    for name, word in zip(("seed", "stream", "epoch"), words):
        word = arguments.integer(name, word, 0)
        if word > _WORD:
            raise ValueError(f"{name} must be at most 2**64 - 1, got {word}")
        key = int(finalise(np.array([(key + GOLDEN + word) & _WORD], np.uint64))[0])
    return key


def bits(seed, stream, epoch, index):
    """64 random bits for each index.

    Parameters
    ----------
    seed, stream, epoch : int
        From 0 to 2**64 - 1.
    index : array_like of int, any shape, none negative

    Returns
    -------
    ndarray of uint64, the shape of index
        For one (seed, stream, epoch), different indices have different bits: the map is a bijection.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer, or is negative.
    """
    index = np.asarray(index)
    if index.size and not np.issubdtype(index.dtype, np.integer):
        raise TypeError(f"index must be integers, got {index.dtype}")
    if index.size and index.min() < 0:
        raise ValueError(f"index must be at least 0, got {index.min()}")
    counter = (index.astype(np.uint64)[None] + np.uint64(1)) * np.uint64(GOLDEN)    # [None]: 0-d would warn of overflow
    return finalise(np.uint64(_key(seed, stream, epoch)) + counter)[0]


def uniform(seed, stream, epoch, index, low=0.0, high=1.0):
    """Uniform float64 in [low, high), from the upper 53 bits, a double's precision. Otherwise as `bits`."""
    return low + (high - low) * ((bits(seed, stream, epoch, index) >> np.uint64(11)) * 2.0 ** -53)


def integers(n, seed, stream, epoch, index):
    """Uniform int64 from 0 to n - 1: the upper 32 bits times n, over 2^32 (Lemire's reduction). Otherwise as `bits`.

    A value's probability differs from 1 / n by less than 2^-32. Raises ValueError unless 1 <= n <= 2**31.
    """
    n = arguments.integer("n", n, 1)
    if n > 1 << 31:
        raise ValueError(f"n must be at most 2**31, got {n}")
    return (((bits(seed, stream, epoch, index) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)).astype(np.int64)


def normal(seed, stream, epoch, index):
    """Standard normal float64 by the Box-Muller transform of the two halves of the bits. Otherwise as `bits`."""
    both = bits(seed, stream, epoch, index)
    radius = np.sqrt(-2 * np.log(((both >> np.uint64(32)) + np.uint64(1)) * 2.0 ** -32))    # in (0, 1]: log is finite
    return radius * np.cos(2 * np.pi * ((both & np.uint64(0xFFFFFFFF)) * 2.0 ** -32))


def permutation(n, seed, epoch):
    """The order of n images in one epoch: the indices, sorted by their hashes.

    Parameters
    ----------
    n : int
    seed, epoch : int

    Returns
    -------
    ndarray (n,) of int64
        Each of 0 to n - 1 once. No two hashes are equal, so every sorting algorithm gives the same order.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer, if n is below 1, or if another argument is negative.
    """
    indices = np.arange(arguments.integer("n", n, 1))
    return np.argsort(bits(seed, ORDER, epoch, indices), kind="stable").astype(np.int64, copy=False)
