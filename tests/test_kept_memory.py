"""Freed memory stays with the process: after its first steps training touches hardly any new page, nor takes more memory."""
import os
import platform
import subprocess
import sys
import textwrap

import pytest
from backends import FUSED, needs_kernels

from minisenet.backend import memory

resource = pytest.importorskip("resource")
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library can be told to keep memory")

# One map of this network at this batch is 1 MB, or 256 pages, and a step makes dozens of maps.
LOOP = """
    import resource, sys
    import numpy as np
    import minisenet
    import minisenet.functional as F
    from minisenet.models.resnet import CifarResNet
    from minisenet.optim import SGD
    minisenet.set_backend(sys.argv[1])
    minisenet.set_num_threads(int(sys.argv[2]))
    x, labels = np.random.default_rng(0).standard_normal((32, 32, 32, 3)).astype(np.float32), np.arange(32) % 10
    model = CifarResNet(8, 10, width=8, reduction=4)
    optimiser, faults = SGD(model.parameters(), momentum=0.9, weight_decay=5e-4), []
    for _ in range(14):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        _, p = F.softmax_cross_entropy(model.forward(x), labels)
        model.backward(F.softmax_cross_entropy_backward(p, labels))
        optimiser.step(0.05)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    print(*faults)
"""
FIT = """
    import resource, sys
    import minisenet
    from minisenet import data
    from minisenet.models.resnet import CifarResNet
    unit, found = 1 if sys.platform == "darwin" else 1024, []
    minisenet.set_num_threads(1)
    def on_epoch(_):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        found.append((usage.ru_maxrss * unit, usage.ru_minflt))
    minisenet.fit(CifarResNet(8, 10, width=16, reduction=4), data.load("shapes", shapes_train=256, shapes_test=64),
                  epochs=5, batch_size=64, lr=0.05, progress=False, on_epoch=on_epoch)
    print(*(number for both in found for number in both))
"""


def child(code, *arguments, **environment):
    """The integers that a process of its own prints."""
    clean = {name: value for name, value in os.environ.items() if name not in (*memory.OF_THE_USER, "MINISENET_KEEP_MEMORY")}
    done = subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments], env=clean | environment,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@glibc
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("backend", ["numpy", pytest.param("cython", marks=needs_kernels), FUSED])
def test_a_plain_loop_touches_no_new_memory_after_its_first_steps(backend, threads):
    faults = child(LOOP, backend, threads)
    assert sum(faults[4:]) < 500, faults                    # in ten steps, so fewer pages than two maps have


@glibc
@needs_kernels
def test_where_each_array_is_mapped_anew_every_step_touches_thousands_of_pages():
    """So the test above can fail. (Without this setting it depends on what lies at the heap's end.)"""
    faults = child(LOOP, "fused", "1", MALLOC_MMAP_THRESHOLD_="65536")
    assert min(faults) > 5000, faults


def test_peak_memory_does_not_grow_after_the_first_epoch():
    """By the system's own count, with the loader's thread. One map is 4 MB, and a step makes dozens.

    When the loader's thread takes and frees its batches is chance, so the places of arrays differ, and a few more maps may
    be touched in a later epoch. To keep one map of each step would be 32 MB here.
    """
    found = child(FIT)
    peak, faults = found[::2], found[1::2]
    assert len(peak) == 5 and peak[-1] - peak[1] < 16 << 20, peak
    if memory.kept:
        assert faults[-1] - faults[1] < 5000, faults        # four maps at most, in 12 steps and 3 evaluations


@pytest.mark.parametrize("name, value", [("MINISENET_KEEP_MEMORY", "0"), ("MALLOC_TRIM_THRESHOLD_", "131072"),
                                         ("MALLOC_MMAP_MAX_", "65536"), ("GLIBC_TUNABLES", "glibc.malloc.top_pad=131072")])
def test_the_users_own_settings_hold(name, value):
    code = "from minisenet.backend import memory\nprint(int(memory.kept))"
    assert child(code, **{name: value}) == [0]
    assert child(code) == [int(platform.libc_ver()[0] == "glibc")]


@glibc
def test_where_addresses_are_few_it_is_imported_still():
    code = """
        import numpy, resource
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + (500 << 20),) * 2)
        from minisenet.backend import memory
        print(int(memory.kept))
    """
    assert child(code, MINISENET_NUM_THREADS="1") == [1]


def test_another_library_is_left_alone(monkeypatch):
    for name in (*memory.OF_THE_USER, "MINISENET_KEEP_MEMORY", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())           # musl, macOS: no such function
    assert memory.keep_freed_memory() is False
