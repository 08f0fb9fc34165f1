"""Counter-based randomness: it is the published generator, a pure function, and uniform."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minisenet import random

words = st.integers(0, 2**64 - 1)


def test_is_splitmix64():
    # The first outputs of Vigna's splitmix64.c from the state 1234567, as Rosetta Code and others list them.
    state = np.uint64(1234567)
    counter = (np.arange(1, 6, dtype=np.uint64)) * np.uint64(random.GOLDEN)
    assert random.finalise(state + counter).tolist() == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]


def splitmix64(state, n):
    """The n-th output in plain Python integers, computed with a state."""
    for _ in range(n + 1):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        z ^= z >> 31
    return z


@settings(deadline=None, max_examples=30)
@given(seed=words, stream=words, epoch=words)
def test_bits_equal_the_sequential_generator(seed, stream, epoch):
    key = 0
    for word in (seed, stream, epoch):
        key = splitmix64((key + word) % 2**64, 0)
    assert random.bits(seed, stream, epoch, np.arange(20)).tolist() == [splitmix64(key, i) for i in range(20)]
    assert int(random.bits(seed, stream, epoch, 7)) == splitmix64(key, 7)       # a single index


@settings(deadline=None, max_examples=30)
@given(seed=words, n=st.integers(1, 300), data=st.data())
def test_a_draw_depends_on_its_own_index_only(seed, n, data):
    index = np.array(data.draw(st.lists(st.integers(0, 10**12), min_size=n, max_size=n)))
    for draw in (random.bits, random.uniform, random.normal):
        together = draw(seed, 1, 2, index)
        alone = np.concatenate([draw(seed, 1, 2, index[i:i + 1]) for i in range(0, n, 37)])
        np.testing.assert_array_equal(together[::37], alone)
        np.testing.assert_array_equal(together, draw(seed, 1, 2, index.reshape(1, -1, 1)).ravel())


def test_every_argument_matters():
    index = np.arange(50)
    draws = [random.bits(*key, index).tobytes() for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**63, 0, 0)]]
    assert len(set(draws)) == 5


@pytest.mark.parametrize("n", [1, 2, 9, 1000])
def test_integers_are_spread_evenly(n):
    draws = random.integers(n, 3, 4, 5, np.arange(200 * n))
    counts = np.bincount(draws, minlength=n)
    assert draws.dtype == np.int64 and len(counts) == n
    assert ((counts - 200) ** 2 / 200).sum() < n + 5 * np.sqrt(2 * n)       # chi-square, five deviations


def test_uniform_and_normal_have_their_moments():
    u, z = (draw(0, 1, 2, np.arange(200_000)) for draw in (random.uniform, random.normal))
    assert u.min() >= 0 and u.max() < 1
    assert abs(u.mean() - 1 / 2) < 5 / np.sqrt(12 * len(u)) and abs(u.var() - 1 / 12) < 1e-3
    assert abs(z.mean()) < 5 / np.sqrt(len(z)) and abs(z.var() - 1) < 0.02 and abs((z ** 4).mean() - 3) < 0.15
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 5 / np.sqrt(len(u))
    low = random.uniform(0, 1, 2, np.arange(100), -3, 5)
    np.testing.assert_allclose(low, 8 * u[:100] - 3)


@settings(deadline=None, max_examples=50)
@given(n=st.integers(1, 2000), seed=words, epoch=st.integers(0, 1000))
def test_permutation(n, seed, epoch):
    order = random.permutation(n, seed, epoch)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(order, random.permutation(n, seed, epoch))
    if n >= 50:
        assert (order != random.permutation(n, seed, epoch + 1)).any()


@pytest.mark.parametrize("call, error", [
    (lambda: random.bits(-1, 0, 0, [1]), ValueError), (lambda: random.bits(2**64, 0, 0, [1]), ValueError),
    (lambda: random.bits(0, 0.5, 0, [1]), TypeError), (lambda: random.bits(0, 0, 0, [-1]), ValueError),
    (lambda: random.bits(0, 0, 0, [0.5]), TypeError), (lambda: random.integers(0, 0, 0, 0, [1]), ValueError),
    (lambda: random.integers(2**31 + 1, 0, 0, 0, [1]), ValueError), (lambda: random.permutation(0, 0, 0), ValueError),
])
def test_bad_arguments(call, error):
    with pytest.raises(error):
        call()
