"""Progress: plain lines in a pipe, a live line on a terminal, and an ETA that ignores the warm-up."""
import pytest

from minisenet.train import fit, progress

METRICS = dict(epoch=3, lr=0.1, train_loss=1.23456, train_accuracy=0.5, test_loss=1.5, test_accuracy=0.456,
               images_per_second=1234.5, seconds=47.2)


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_the_eta_ignores_the_warm_up_and_includes_evaluations(clock):
    p = progress.Progress()
    p.start(epochs=2, steps=10, batch_size=100, done=0)
    for step in range(1, 11):
        clock.now += 60 if step <= progress.WARM_UP else 2          # slow at first
        p.step(1, step, 1.0)
        if step <= progress.WARM_UP:
            assert p.eta(1) is None and p.rate(1) == ""
    assert p.images_per_second() == 50 and p.eta(1) == 10 * 2
    clock.now += 7                                                  # the evaluation
    p.epoch(METRICS)
    clock.now += 2
    p.step(2, 1, 1.0)
    assert p.images_per_second() == 50 and p.eta(2) == 9 * 2 + 7    # one more evaluation


def test_plain_lines_are_few(clock, capsys):
    p = progress.PlainLines()
    p.start(epochs=1, steps=100, batch_size=10, done=0)
    for step in range(1, 101):
        clock.now += 1
        p.step(1, step, 2.0)
    p.epoch(METRICS | dict(epoch=1))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[0] == "epoch 1/1  step 30/100  loss 2.0000  10 images/s  ETA 1:10"


@pytest.mark.parametrize("seconds, text", [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (187, "3:07"), (3723, "1:02:03")])
def test_clock(seconds, text):
    assert progress.clock(seconds) == text


def test_a_line_fits_into_80_columns():
    line = progress.epoch_line(METRICS | dict(epoch=100, seconds=754, images_per_second=12345), 200)
    assert len(line) <= 79 and "train 1.2346  50.0%  test 1.5000  45.6%" in line


def test_silent_or_plain(data, new_model, capsys):
    fit(new_model(), data, epochs=1, batch_size=48, progress=False)
    assert capsys.readouterr().out == ""
    fit(new_model(), data, epochs=1, batch_size=48)
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "\r" not in out and out.startswith("epoch 1/1  train ")


def test_live_on_a_terminal(data, new_model, capsys, monkeypatch):
    from tqdm import tqdm
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    live = progress.make_progress(True)
    assert isinstance(live, progress.LiveLine) and live.tqdm is tqdm
    fit(new_model(), data, epochs=2, batch_size=48, progress=live)
    out = capsys.readouterr().out
    assert "\r" in out and "epoch 2/2  train " in out and out.count("\n") == 2
    assert live.bar.n == 4
