"""`reuse_memory`: after its first steps training touches no new memory, it needs hardly more than it uses, and no array has
another's bytes."""
import concurrent.futures
import contextlib
import gc
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import minisenet
import minisenet.functional as F
from backends import needs_kernels
from minisenet import data
from minisenet.backend import builds, memory_statistics
from minisenet.data import batches
from minisenet.models.resnet import CifarResNet
from minisenet.optim import SGD

LARGE = 1 << 16         # bytes: what is smaller is left to malloc
MB = 1 << 20
HEADER = 64


def counts(*names):
    statistics = memory_statistics()
    return tuple(statistics[name] for name in names) if len(names) > 1 else statistics[names[0]]


@pytest.fixture(autouse=True)
def no_garbage():
    """What other tests have left in cycles would be freed, and counted, in the middle of one of these."""
    gc.collect()


def address(array):
    return array.__array_interface__["data"][0]


def of(size, value=0):
    """An array of so many bytes, each of them `value`."""
    array = np.empty(size, np.uint8)
    array[:] = value
    return array


def taken():
    """Bytes of the system's: what arrays hold, and what lies idle between them."""
    return sum(counts("used_bytes", "idle_bytes"))


# ---- arrays --------------------------------------------------------------------------------------------------------------

@needs_kernels
def test_the_next_array_of_a_size_gets_the_memory_of_the_last():
    with minisenet.reuse_memory():
        first = of(LARGE)
        was = address(first)
        del first
        before = counts("reused", "fresh")
        second = of(LARGE)
        assert address(second) == was and counts("reused", "fresh") == (before[0] + 1, before[1])
        third = of(LARGE)
        assert address(third) != was and counts("reused", "fresh") == (before[0] + 1, before[1] + 1)


@needs_kernels
@pytest.mark.parametrize("size", [1, 63, 1000, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE + 5, 4 << 20, (9 << 20) + 1])
def test_every_array_begins_on_a_cache_line(size):
    with minisenet.reuse_memory():
        assert [address(array) % 64 for array in (np.empty(size, np.uint8), np.zeros(size, np.uint8))] == [0, 0]


@needs_kernels
@pytest.mark.parametrize("size", [LARGE, LARGE + 1, 100_000, 131_072, 131_073, 10 ** 6, 8 << 20, (8 << 20) + 1, 12_345_678])
def test_a_block_is_at_most_an_eighth_larger_than_its_array(size):
    with minisenet.reuse_memory():
        before = counts("used_bytes")
        array = of(size)
        held = counts("used_bytes") - before
        assert size <= held <= size * 9 / 8
        del array
        assert counts("used_bytes") == before
        again = of(held - HEADER)                       # the largest array that fits gets the same memory
        assert counts("used_bytes", "idle_blocks") == (before + held, 0) and len(again) == held - HEADER


@needs_kernels
def test_small_arrays_are_left_to_malloc():
    with minisenet.reuse_memory():
        before = memory_statistics()
        for size in (0, 1, 100, LARGE - 1):
            del [of(size)][0]
        assert memory_statistics() == before


@needs_kernels
@pytest.mark.parametrize("size", [10, LARGE, 5 * LARGE + 3])
def test_zeros_are_zeros_in_used_memory(size):
    with minisenet.reuse_memory():
        was = address(of(size, 255))
        zeros = np.zeros(size, np.uint8)
        assert (address(zeros) == was or size < LARGE) and not zeros.any()


@needs_kernels
@pytest.mark.parametrize("before, after", [
    (100, 50), (100, 1000), (100, LARGE), (100, 10 * LARGE), (LARGE, 100), (LARGE, LARGE + 1), (10 * LARGE, 10 * LARGE - 1),
    (10 * LARGE, 30 * LARGE), (30 * LARGE, 10 * LARGE), (30 * LARGE, 0), (0, 30 * LARGE)])
def test_resizing_keeps_the_content(before, after):
    rng = np.random.default_rng(before + after)
    content = rng.integers(0, 256, before, dtype=np.uint8)
    used = counts("used_bytes")
    with minisenet.reuse_memory():
        array = np.empty(before, np.uint8)
        array[:] = content
        del [of(after, 255)][0]                         # what the larger array may get is not zero
        array.resize(after, refcheck=False)
        both = min(before, after)
        np.testing.assert_array_equal(array[:both], content[:both])
        assert len(array) == after and not array[both:].any()               # ndarray.resize fills with zeros
        del array
    assert counts("used_bytes") == used


@needs_kernels
def test_arrays_outlive_the_block_and_are_freed_to_the_system():
    used = counts("used_bytes")
    with minisenet.reuse_memory():
        arrays = [of(3 * LARGE, i) for i in range(5)]
        each = (counts("used_bytes") - used) // 5
        del arrays[1:4:2]
        assert counts("idle_blocks", "idle_bytes") == (2, 2 * each)
    assert counts("idle_blocks", "idle_bytes", "used_bytes") == (0, 0, used + 3 * each)
    assert [set(array) for array in arrays] == [{0}, {2}, {4}]
    arrays[0].resize(4 * LARGE, refcheck=False)         # its memory is still this handler's
    assert set(arrays[0]) == {0} and counts("used_bytes") == used + 3 * each + LARGE
    fresh = counts("fresh")
    unaware = of(3 * LARGE)
    assert counts("fresh") == fresh                     # made after the block: NumPy's own memory
    del arrays, unaware
    assert counts("idle_blocks", "used_bytes") == (0, used)


@needs_kernels
def test_blocks_nest_and_an_error_ends_one():
    with minisenet.reuse_memory():
        with pytest.raises(KeyError), minisenet.reuse_memory():
            del [of(LARGE)][0]
            raise KeyError
        assert counts("idle_blocks") == 1               # the outer one still wants it
        reused = counts("reused")
        del [of(LARGE)][0]
        assert counts("reused") == reused + 1
    assert counts("idle_blocks") == 0


@needs_kernels
def test_idle_neighbours_are_joined_and_cut_again():
    with minisenet.reuse_memory():
        arrays, before = [of(MB, i) for i in range(8)], counts("fresh")
        for i in (1, 5, 3, 6, 2, 4):                    # joined with nobody, or a neighbour before, behind, on both sides
            arrays[i] = None
        assert counts("idle_blocks") == 1
        arrays[1:7] = [of(3 * MB, 10), of(LARGE, 11), of(2 * MB, 12)]
        assert counts("fresh", "idle_blocks") == (before, 1)
        assert [(array.min(), array.max()) for array in arrays] == [(0, 0), (10, 10), (11, 11), (12, 12), (7, 7)]


@needs_kernels
def test_an_array_takes_the_smallest_piece_that_will_do():
    with minisenet.reuse_memory():
        arrays = [of(size) for size in (4 * MB, LARGE, 2 * MB, LARGE, 3 * MB, LARGE)]
        places = {size: address(arrays[i]) for i, size in ((0, 4), (2, 2), (4, 3))}
        arrays[0] = arrays[2] = arrays[4] = None
        assert [address(array) for array in [of(2 * MB), of(2 * MB + 1), of(3 * MB + 1)]] == [places[i] for i in (2, 3, 4)]


@needs_kernels
def test_the_last_piece_grows_by_what_is_missing():
    with minisenet.reuse_memory():
        before = taken()
        del [of(MB, 255)][0]
        zeros = np.zeros(5 * MB, np.uint8)              # a fifth of it in memory that was used before
        assert not zeros.any()
        assert taken() - before < 5.1 * MB


@needs_kernels
def test_one_large_array_after_many_small_ones_takes_no_more_memory():
    with minisenet.reuse_memory():
        for _ in range(3):
            small = [of(MB, i) for i in range(8)]
            assert all(set(array[::4096]) == {i} for i, array in enumerate(small))
            small.clear()
            large = of(8 * MB)
            assert taken() < 1.1 * counts("most_used_bytes") < 10 * MB
            del large


@needs_kernels
@pytest.mark.parametrize("seed", range(3))
def test_random_sizes_in_random_order(seed):
    """No array has another's bytes, no two overlap, and what is lost between them stays small."""
    rng, arrays = np.random.default_rng(seed), {}
    with minisenet.reuse_memory():
        for i in range(2000):
            if len(arrays) > 40 or (arrays and rng.random() < 0.45):
                gone = int(rng.choice(list(arrays)))
                assert arrays[gone].min() == arrays[gone].max() == gone % 256
                del arrays[gone]
            else:
                arrays[i] = of(int(LARGE * 2 ** rng.uniform(0, 4)), i % 256)
        places = sorted((address(array), len(array)) for array in arrays.values())
        assert all(begin + size <= following for (begin, size), (following, _) in itertools.pairwise(places))
        assert taken() < 1.3 * counts("most_used_bytes")
        arrays.clear()
        assert counts("idle_blocks") == 1


@needs_kernels
def test_a_region_that_was_too_small_goes_back():
    with minisenet.reuse_memory():
        del [of(MB)][0]
        assert counts("idle_bytes") > MB
        large = np.empty(100 * MB, np.uint8)            # no room for it beside the first
        assert counts("idle_blocks", "idle_bytes") == (0, 0) and len(large) == 100 * MB


def child(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@needs_kernels
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_one_array_that_stays_keeps_no_other_memory():
    """By the system's own count: before, within and after the block, from which one array of eleven survives."""
    before, within, after = child(
        "import numpy, minisenet\n"
        "def resident(): print(int(open('/proc/self/statm').read().split()[1]) * 4096 >> 20)\n"
        "resident()\n"
        "with minisenet.reuse_memory():\n"
        "    arrays = [numpy.ones(10 << 20, numpy.uint8) for _ in range(11)]\n"
        "    resident()\n"
        "    gone = arrays[6:]\n"
        "    del gone, arrays[6:], arrays[1:3]\n"      # idle when the block ends; the others are freed after it
        "kept = arrays[0]\n"
        "del arrays\n"
        "assert (kept == 1).all()\n"
        "resident()\n".replace("4096", str(os.sysconf("SC_PAGESIZE"))))
    assert within - before >= 105 and after - before <= 20


@needs_kernels
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a limit on addresses")
def test_where_addresses_are_few_a_region_holds_one_array():
    fresh, = child(
        "import numpy, resource, minisenet\n"
        "with minisenet.reuse_memory():\n"
        "    size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (size + (150 << 20),) * 2)\n"
        "    arrays = [numpy.ones(40 << 20, numpy.uint8) for _ in range(3)]\n"       # 64, then not 80 or more but 40
        "    assert all(array.min() == array.max() == 1 for array in arrays)\n"
        "    print(minisenet.backend.memory_statistics()['fresh'])\n")
    assert fresh >= 3


@needs_kernels
def test_what_the_system_has_not_got_is_a_memory_error():
    with minisenet.reuse_memory():
        del [of(LARGE)][0]
        before = counts("used_bytes", "most_used_bytes", "fresh")
        for make in (np.empty, np.zeros):
            with pytest.raises(MemoryError):
                make(1 << 60, np.uint8)
        assert counts("used_bytes", "most_used_bytes", "fresh") == before
        assert counts("idle_blocks") == 0               # given back, in the hope that it would do


@needs_kernels
def test_many_threads_at_once():
    """Each fills its arrays with a number of its own, hands some to another thread to be freed, and finds no other's."""
    used, handed = counts("used_bytes"), []

    def work(me):
        rng, mine = np.random.default_rng(me), []
        with minisenet.reuse_memory():
            for _ in range(300):
                array = of(int(rng.choice([100, LARGE, LARGE + 9000, 2 * LARGE])), me)
                mine.append(array)
                if rng.random() < 0.6:
                    gone = mine.pop(rng.integers(len(mine)))
                    assert gone.min() == gone.max() == me
                    if rng.random() < 0.3:
                        handed.append(gone)
                if handed and rng.random() < 0.3:
                    with contextlib.suppress(IndexError):                   # another thread was faster
                        handed.pop()
        return all(array.min() == array.max() == me for array in mine)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert list(pool.map(work, range(8))) == [True] * 8
    finally:
        sys.setswitchinterval(interval)
    handed.clear()
    assert counts("used_bytes", "idle_blocks") == (used, 0)


@needs_kernels
def test_another_thread_is_another_context():
    with minisenet.reuse_memory(), concurrent.futures.ThreadPoolExecutor(1) as pool:
        before = counts("fresh", "reused")
        pool.submit(of, LARGE).result()
        assert counts("fresh", "reused") == before


@needs_kernels
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_goes_on():
    code = ("import os, numpy, minisenet\n"
            "with minisenet.reuse_memory():\n"
            "    kept, gone = numpy.full(1 << 20, 7, numpy.uint8), numpy.full(1 << 20, 8, numpy.uint8)\n"
            "    del gone\n"
            "    child = os.fork()\n"
            "    idle = minisenet.backend.memory_statistics()['idle_blocks']\n"
            "    assert idle == (1 if child else 0), idle              # the parent's list, and the child's new one\n"
            "    other = numpy.full(1 << 20, 9, numpy.uint8)\n"
            "    assert (kept == 7).all() and (other == 9).all()\n"
            "    del kept, other\n"
            "    if not child: os._exit(3)\n"
            "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_without_kernels_it_does_nothing(monkeypatch):
    monkeypatch.setattr(builds, "kernels", None)
    with minisenet.reuse_memory():
        assert of(LARGE, 3).min() == 3
    assert memory_statistics() is None


# ---- training ------------------------------------------------------------------------------------------------------------

def small_model():
    return CifarResNet(8, 10, se=True, width=8, reduction=4)


def shapes(train=256, test=64):
    return data.load("shapes", shapes_train=train, shapes_test=test)


@needs_kernels
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("backend", ["numpy", "cython", "fused"])
def test_no_fresh_array_in_the_steady_state(backend, threads):
    """The first steps take what is needed, and hardly more; after them not one large array touches new memory."""
    minisenet.set_num_threads(threads)
    minisenet.set_backend(backend)
    x = np.random.default_rng(0).standard_normal((32, 32, 32, 3)).astype(np.float32)
    labels, model, fresh = np.arange(32) % 10, small_model(), []
    optimiser = SGD(model.parameters(), momentum=0.9, weight_decay=5e-4)
    with minisenet.reuse_memory():
        before, reused = taken(), counts("reused")
        for _ in range(8):
            _, p = F.softmax_cross_entropy(model.forward(x), labels)
            model.backward(F.softmax_cross_entropy_backward(p, labels))
            optimiser.step(0.05)
            fresh.append(counts("fresh"))
        assert fresh[3:] == [fresh[3]] * 5
        assert counts("reused") - reused > 5 * 20
        within = 1.25 if backend == "numpy" else 1.1    # NumPy's bodies make arrays as large as nine maps
        assert taken() - before < within * (counts("most_used_bytes") - before)


@needs_kernels
@pytest.mark.parametrize("prefetch", [0, 2])
def test_the_loader_uses_batches_again(prefetch):
    """How many batches live at once depends on which thread is faster, but no more do than are prefetched and in hand."""
    images = shapes()
    with minisenet.reuse_memory():
        before = counts("fresh", "reused")
        for epoch in range(10):
            for x, _ in batches(images, batch_size=32, epoch=epoch, seed=0, prefetch=prefetch):
                assert x.nbytes > LARGE
        fresh, reused = (now - then for now, then in zip(counts("fresh", "reused"), before))
    per_batch = 3                                       # the chosen images, the padded ones of the NumPy body, the batch
    assert fresh <= (prefetch + 2) * per_batch and fresh + reused >= 80


@pytest.mark.parametrize("backend", ["numpy", pytest.param("fused", marks=needs_kernels)])
def test_fit_has_the_same_bits_without_it(backend, monkeypatch):
    minisenet.set_backend(backend)
    results = []
    for manager in (minisenet.reuse_memory, contextlib.nullcontext):
        monkeypatch.setattr(sys.modules["minisenet.train.fit"], "reuse_memory", manager)
        before, model = memory_statistics(), small_model()
        history = minisenet.fit(model, shapes(96, 32), epochs=2, batch_size=32, eval_batch_size=32, lr=0.05, progress=False)
        used = before is not None and counts("reused") > before["reused"]
        assert used == (before is not None and manager is minisenet.reuse_memory)       # fit has it on
        results.append(({name: value.tobytes() for name, value in model.state_dict().items()},
                        [(m["train_loss"], m["test_loss"]) for m in history]))
    assert results[0] == results[1]


def test_peak_memory_does_not_grow_after_the_first_epoch():
    """In a process of its own, by the system's own count. One map of this network is 4 MB, and a step makes dozens.

    When the loader's thread takes and frees its batches is chance, so the places of arrays differ, and one more map may be
    touched in a later epoch, in huge pages. To keep one map of each step would be 32 MB here.
    """
    pytest.importorskip("resource")
    code = ("import resource, sys, minisenet\n"
            "from minisenet import data\n"
            "from minisenet.models.resnet import CifarResNet\n"
            "unit, peak = 1 if sys.platform == 'darwin' else 1024, []\n"
            "minisenet.set_num_threads(1)\n"
            "minisenet.fit(CifarResNet(8, 10, se=True, width=16, reduction=4),\n"
            "              data.load('shapes', shapes_train=256, shapes_test=64), epochs=4, batch_size=64, lr=0.05,\n"
            "              progress=False,\n"
            "              on_epoch=lambda m: peak.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit))\n"
            "print(*peak)\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    peak = [int(word) for word in done.stdout.split()]
    assert len(peak) == 4 and peak[-1] - peak[1] < 8 << 20, peak
