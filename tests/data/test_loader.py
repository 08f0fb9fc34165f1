"""The loader: every image once an epoch, the same batches for every prefetch, and a thread that always ends."""
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minisenet.backend import watching
from minisenet import random
from minisenet.data import Dataset, batches, test_batches
from minisenet.data.augment import augment, draw, normalise

pytestmark = pytest.mark.section_5


def dataset(n=23, m=11, size=6):
    rng = np.random.default_rng(0)
    return Dataset("noise", "noise", tuple("abcd"), rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8),
                   np.arange(n) % 4, rng.integers(0, 256, (m, size, size, 3), dtype=np.uint8), np.arange(m) % 4)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before, [thread.name for thread in threading.enumerate()]


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 30), data=st.data(), prefetch=st.integers(0, 4), epoch=st.integers(0, 5), seed=st.integers(0, 99),
       dtype=st.sampled_from([np.float32, np.float64]), cutout=st.integers(0, 4))
def test_batches_are_a_pure_function_of_seed_and_epoch(n, data, prefetch, epoch, seed, dtype, cutout):
    batch_size = data.draw(st.integers(1, n))
    d = dataset(n)
    got = list(batches(d, batch_size=batch_size, epoch=epoch, seed=seed, dtype=dtype, cutout=cutout, prefetch=prefetch))
    assert len(got) == n // batch_size
    order = random.permutation(n, seed, epoch)
    for i, (x, labels) in enumerate(got):
        indices = order[i * batch_size:(i + 1) * batch_size]
        wanted = augment(d.train_images[indices], d.mean.astype(dtype), d.std.astype(dtype), **draw(seed, epoch, indices, 6),
                         hole_size=cutout)
        assert x.dtype == dtype and x.tobytes() == wanted.tobytes()
        np.testing.assert_array_equal(labels, d.train_labels[indices])


def test_without_augmentation_every_image_comes_once():
    d = dataset()
    x, labels = next(batches(d, batch_size=23, epoch=1, seed=2, dtype=np.float64, padding=0, flip=False))
    order = random.permutation(23, 2, 1)
    np.testing.assert_array_equal(x[np.argsort(order)], normalise(d.train_images, d.mean, d.std))
    assert (order != np.arange(23)).any()
    np.testing.assert_allclose(x.mean(axis=(0, 1, 2)), 0, atol=1e-12)       # the statistics are those of these images
    np.testing.assert_allclose(x.std(axis=(0, 1, 2)), 1, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 4, 11, 50])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_test_batches_come_in_order_and_whole(batch_size, prefetch):
    d = dataset()
    got = list(test_batches(d, batch_size, np.float64, prefetch=prefetch))
    assert [len(labels) for _, labels in got[:-1]] == [batch_size] * (len(got) - 1) and len(got) == -(-11 // batch_size)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in got]), normalise(d.test_images, d.mean, d.std))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in got]), d.test_labels)


def test_closing_early_ends_the_thread():
    generator = batches(dataset(), batch_size=2, epoch=0, seed=0)
    next(generator)
    assert any(thread.name.startswith("minisenet-loader") for thread in threading.enumerate())
    generator.close()
    assert not any(thread.name.startswith("minisenet-loader") for thread in threading.enumerate())


def test_an_exception_in_the_loop_ends_the_thread():
    with pytest.raises(KeyboardInterrupt):
        generator = batches(dataset(), batch_size=2, epoch=0, seed=0)
        try:
            for _ in generator:
                raise KeyboardInterrupt
        finally:
            generator.close()


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_the_thread_works_in_its_callers_context(prefetch):
    """The thread has the caller's settings of NumPy's warnings."""
    seen = []

    def hook(call):
        seen.append(np.geterr()["under"])
        return call()

    with watching(hook), np.errstate(under="print"):
        assert len(list(batches(dataset(), batch_size=4, epoch=0, seed=0, prefetch=prefetch))) == 5
    assert seen == ["print"] * 5 and np.geterr()["under"] == "ignore"


def test_a_generator_that_is_never_started_has_no_thread():
    batches(dataset(), batch_size=2, epoch=0, seed=0)


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_an_exception_of_the_worker_comes_out_where_its_batch_would(prefetch):
    calls = []

    def broken(call):
        calls.append(threading.current_thread())
        if len(calls) == 3:
            raise MemoryError("no room")
        return call()

    with watching(broken):
        generator = batches(dataset(), batch_size=2, epoch=0, seed=0, prefetch=prefetch)
        next(generator), next(generator)
        with pytest.raises(MemoryError, match="no room"):
            next(generator)
    assert all((thread is threading.main_thread()) == (prefetch == 0) for thread in calls)


def test_the_queue_is_bounded():
    begun = []
    with watching(lambda call: begun.append(1) or call()):
        generator = batches(dataset(), batch_size=1, epoch=0, seed=0, prefetch=3)
        for taken in range(1, 6):
            next(generator)
            assert len(begun) <= taken + 3
        generator.close()


def test_closing_drops_what_was_not_begun():
    begun, go_on = [], threading.Event()
    with watching(lambda call: (begun.append(1), len(begun) == 1 or go_on.wait(5))):
        generator = batches(dataset(), batch_size=1, epoch=0, seed=0, prefetch=20)
        next(generator)                                     # the second batch is being prepared
        timer = threading.Timer(0.2, go_on.set)
        timer.start()
        generator.close()
        timer.join()
        assert len(begun) <= 2


@pytest.mark.parametrize("change, error, message", [
    (dict(batch_size=24), ValueError, "batch_size must be at most 23, the number of training images, got 24"),
    (dict(batch_size=0), ValueError, "batch_size"), (dict(batch_size=2.0), TypeError, "batch_size"),
    (dict(prefetch=-1), ValueError, "prefetch"), (dict(padding=-1), ValueError, "padding"),
    (dict(cutout=-1), ValueError, "cutout"),
    (dict(dataset=None), TypeError, "dataset must be a Dataset, got NoneType: use minisenet.data.load"),
    (dict(dtype=np.int64), TypeError, "dtype"), (dict(seed=-1), ValueError, "seed"), (dict(epoch=-1), ValueError, "epoch"),
])
def test_bad_arguments_are_refused_at_the_call(change, error, message):
    with pytest.raises(error, match=message):
        batches(**dict(dataset=dataset(), batch_size=4, epoch=0, seed=0) | change)
    if "batch_size" in change and change["batch_size"] != 24:
        with pytest.raises(error, match=message):
            test_batches(dataset(), change["batch_size"])
