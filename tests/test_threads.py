"""The kernels' threads: as many as asked for where the work is worth it, none where it is not, and after a fork too."""
import subprocess
import sys
import textwrap

import pytest

from backends import needs_kernels

pytestmark = needs_kernels


def python(code):
    """Run code in a process of its own, whose threads are its own too; what it prints."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts the process's threads in /proc")
def test_large_work_wakes_the_threads_and_small_work_does_not():
    """The operating system counts the threads, OpenMP's or Python's."""
    small, large, fewer = map(int, python("""
        import os
        import numpy as np
        import minisenet
        import minisenet.functional as F

        def started(size, threads):
            before = set(os.listdir("/proc/self/task"))
            minisenet.set_num_threads(threads)
            F.relu(np.ones(size, np.float32))
            return len(set(os.listdir("/proc/self/task")) - before)

        minisenet.set_backend("fused")
        print(started(1000, 3), started(1_000_000, 3), started(1_000_000, 1))
    """).split())
    assert small == fewer == 0 and large in (2, 3)      # OpenMP's loops run on the calling thread too


STEP = """
    import multiprocessing, os, signal
    import numpy as np
    import minisenet
    from minisenet import functional as F, models
    from minisenet.optim import SGD

    minisenet.set_backend("fused")
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((4, 32, 32, 3)).astype(np.float32), rng.integers(10, size=4)

    def step():
        '''The bits of a network's parameters after one step of training.'''
        model = models.create("se_resnet20")
        optimiser = SGD(model.parameters())
        _, p = F.softmax_cross_entropy(model(x), labels)
        model.backward(F.softmax_cross_entropy_backward(p, labels))
        optimiser.step(0.1)
        return b"".join(parameter.value.tobytes() for parameter in model.parameters().values())

    def child(threads, generations=1):
        '''The same step; a child that hangs is killed by the alarm, and so does not exit with 0.'''
        signal.alarm(120)
        if threads:
            minisenet.set_num_threads(threads)
        assert minisenet.get_num_threads() == (threads or 2)
        assert step() == expected
        if generations > 1:
            fork(threads, generations - 1)

    def fork(threads, generations=1):
        pid = os.fork()
        if pid == 0:
            child(threads, generations)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0, "the child failed, or hung"

    def process(threads):
        worker = multiprocessing.get_context("fork").Process(target=child, args=(threads,))
        worker.start()
        worker.join()
        assert worker.exitcode == 0, "the child failed, or hung"

    minisenet.set_num_threads(2)
    expected = step()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
@pytest.mark.parametrize("how", ["fork({})", "fork({}, 2)", "process({})"])
@pytest.mark.parametrize("threads", [None, 1, 3])
def test_a_forked_child_trains_as_its_parent(how, threads):
    """On the parent's number of threads or on its own, and its children again; the parent goes on as before."""
    said = python(textwrap.dedent(STEP) + how.format(threads) + "\nassert step() == expected\nprint('done')")
    assert said == "done\n"
