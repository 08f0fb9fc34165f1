"""From times to figures: throughput, and ratios.

A ratio is the median of the ratios within each turn, not the ratio of two medians. The two times of one turn are seconds apart,
so the machine was equally fast for both.
"""
import statistics

from minisenet.bench.contenders import EAGER


def median(seconds):
    """The median over the turns in which a contender took part; None if there is no such turn.

    >>> median([3, None, 1, 2])
    2
    """
    there = [s for s in seconds or () if s is not None]
    return statistics.median(there) if there else None


def within_turns(over, under):
    """over / under in each turn in which both took part.

    >>> within_turns([2, 8, None], [1, 2, 1])
    [2.0, 4.0]
    """
    return [a / b for a, b in zip(over or (), under or ()) if a is not None and b is not None]


def ratio(over, under):
    """The median of over / under within each turn; None if they share no turn.

    >>> ratio([2, 8, None], [1, 2, 1])
    3.0
    """
    return median(within_turns(over, under))


def better_eager(seconds):
    """The times of PyTorch's faster layout, or None."""
    there = [seconds[name] for name in EAGER if median(seconds.get(name)) is not None]
    return min(there, key=median, default=None)


def throughput(seconds, batch_size):
    """Images per second of each contender."""
    return {name: batch_size / median(each) for name, each in seconds.items()}


def compared(times):
    """The times of each ratio: name -> (over, under), where None stands for a missing contender."""
    train, inference = times.seconds["train"], times.seconds.get("inference", {})
    ours = train.get("minisenet")
    return dict(
        train_vs_pytorch_eager=(better_eager(train), ours),
        train_vs_pytorch_compile=(train.get("pytorch_compile"), ours),
        train_vs_numpy=(train.get("numpy"), ours),
        inference_vs_pytorch_eager=(better_eager(inference), inference.get("minisenet")),
        se_overhead=(ours, train.get("minisenet_plain")))


def ratios(times):
    """The ratios to show; None if a contender is missing.

    train_vs_pytorch_eager, train_vs_pytorch_compile, train_vs_numpy, inference_vs_pytorch_eager: the other's time over
    minisenet's. memory_vs_pytorch_eager: minisenet's peak over that of PyTorch's more frugal layout. se_overhead: the time of a
    step over that of the plain twin.
    """
    frugal = min((times.peak_mb[name] for name in EAGER if times.peak_mb.get(name)), default=None)
    peak = times.peak_mb.get("minisenet")
    of_times = {name: ratio(*pair) for name, pair in compared(times).items()}
    overhead = of_times.pop("se_overhead")
    return of_times | dict(memory_vs_pytorch_eager=peak / frugal if peak and frugal else None, se_overhead=overhead)
