"""The contenders' processes: what they answer, what they find, and how they end."""
import os
import subprocess

import pytest

from minisenet.bench import contenders, processes
from minisenet.bench.contenders import Contender, Settings
from minisenet.bench.measure import measure
from minisenet.bench.processes import ContenderError, Process

from . import broken_contenders

TINY = Settings("se_resnet20", dict(width=2, reduction=2), batch_size=2, threads=1)


@pytest.fixture
def started(monkeypatch):
    """The processes that a test starts."""
    every, popen = [], subprocess.Popen

    def start(*args, **options):
        every.append(popen(*args, **options))
        return every[-1]

    monkeypatch.setattr(processes.subprocess, "Popen", start)
    yield every
    assert every and all(process.returncode is not None for process in every)       # waited for: nothing of them is left


def planted(monkeypatch, **makers):
    for name, maker in makers.items():
        monkeypatch.setitem(contenders.CONTENDERS, name, Contender(f"{broken_contenders.__name__}:{maker}"))


def test_turns(started):
    times = measure(TINY, ["numpy"], repeat=3)
    assert times.left_out == {} and set(times.seconds) == {"train", "inference"}
    for work in times.seconds.values():
        assert len(work["numpy"]) == 3 and all(seconds > 0 for seconds in work["numpy"])
    assert times.peak_mb["numpy"] is None or 10 < times.peak_mb["numpy"] < 1000


def test_contenders_that_go_wrong_are_left_out_and_named(monkeypatch, started):
    planted(monkeypatch, raises="raises", dies="dies", is_killed="is_killed", late="raises_in_a_step", unknown="nobody")
    times = measure(TINY, ["raises", "dies", "is_killed", "late", "unknown", "numpy"], repeat=1)
    assert list(times.seconds["train"]) == ["late", "numpy"] and list(times.seconds["inference"]) == ["numpy"]
    assert times.left_out == {
        "raises": "train: RuntimeError: no compiler was found",
        "dies": "train: its process ended with status 3: the last words",
        "is_killed": "train: its process was killed by SIGKILL: it printed nothing",
        "late": "inference: ZeroDivisionError: division by zero",
        "unknown": "train: AttributeError: module 'bench.broken_contenders' has no attribute 'nobody'"}


def test_a_process_that_died_between_two_questions(started):
    with Process("minisenet.bench.ours:bodies", TINY) as process:
        assert process.ask(do="prepare", work="train")["seconds"] > 0
        started[0].kill()
        started[0].wait()
        with pytest.raises(ContenderError, match="was killed by SIGKILL"):
            process.ask(do="time", steps=1)


def test_nothing_is_left_after_an_interrupt(started):
    def interrupt(text):
        if "turn" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(TINY, ["numpy"], repeat=1, progress=interrupt)


def test_a_contender_ends_with_its_parent(started):
    """Its standard input ends when the parent is gone, however the parent went."""
    with Process("minisenet.bench.ours:bodies", TINY) as process:
        process.ask(do="prepare", work="inference")
        process._send(do="time", steps=10**9)                   # hours of work
        process.process.stdin.close()
        assert started[0].wait(timeout=60) == 0


def test_the_number_of_threads_is_there_before_any_library_is(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    found = processes.environment("minisenet.bench.ours:fastest", 3)
    assert {found[name] for name in processes.THREADS} == {"3"} and found["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_pytorch_has_the_memory_that_its_users_have(monkeypatch):
    """minisenet tells the C library to keep freed memory, which would make its rival faster than it is elsewhere."""
    monkeypatch.delenv("MINISENET_KEEP_MEMORY", raising=False)
    ours, pytorch = (processes.environment(contenders.CONTENDERS[name].maker, 1) for name in ("numpy", "pytorch_eager_nchw"))
    assert "MINISENET_KEEP_MEMORY" not in ours and pytorch["MINISENET_KEEP_MEMORY"] == "0"
