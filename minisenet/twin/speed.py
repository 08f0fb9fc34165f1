"""How long a training step takes: minisenet, its NumPy bodies and PyTorch eager, side by side in one run.

    python -m minisenet.twin.speed --model se_resnet20 --threads 2

Each contender has a process of its own, with the same number of threads, and they take turns (A B C A B C ...), so that a
machine that changes its speed changes it for all of them. A step is forward, loss, backward and SGD with momentum and weight
decay, on one batch that stays the same. What counts is the median of the ratios within each turn.
"""
import argparse
import multiprocessing
import statistics
import time

import numpy as np

import minisenet
import minisenet.functional as F
from minisenet import models
from minisenet.optim import SGD


def _minisenet(backend):
    """A training step of ours on one backend."""
    def make(model, x, labels, threads):
        minisenet.set_backend(backend)
        minisenet.set_num_threads(threads)
        optimiser = SGD(model.parameters())

        def step():
            _, p = F.softmax_cross_entropy(model.forward(x), labels)
            model.backward(F.softmax_cross_entropy_backward(p, labels))
            optimiser.step(0.01)
        return step
    return make


def _pytorch(channels_last):
    """A training step of the twin, eager."""
    def make(model, x, labels, threads):
        import torch
        from minisenet.twin.networks import to_nchw, twin_of
        from minisenet.twin.train import set_lr, sgd
        torch.set_num_threads(threads)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        twin = twin_of(model).to(memory_format=layout)
        images, labels = to_nchw(x).contiguous(memory_format=layout), torch.from_numpy(labels)
        optimiser = sgd(twin)
        set_lr(optimiser, 0.01)

        def step():
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(twin(images), labels).backward()
            optimiser.step()
        return step
    return make


CONTENDERS = {"minisenet": _minisenet("auto"), "cython": _minisenet("cython"), "numpy": _minisenet("numpy"),
              "pytorch channels-last": _pytorch(True), "pytorch nchw": _pytorch(False)}


def _work(connection, contender, name, batch_size, threads):
    """A contender's process: two steps to warm up, then as many steps as it is told, timed, until it is told none."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch_size, 32, 32, 3)).astype(np.float32)
    step = CONTENDERS[contender](models.create(name), x, rng.integers(0, 10, batch_size), threads)
    step(), step()
    connection.send("ready")
    while steps := connection.recv():
        began = time.perf_counter()
        for _ in range(steps):
            step()
        connection.send((time.perf_counter() - began) / steps)


def measure(name, *, batch_size=128, threads=2, turns=7, steps=5):
    """Seconds per step: a dict, contender -> one figure for each turn."""
    spawn = multiprocessing.get_context("spawn")
    workers = {}
    for contender in CONTENDERS:
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_work, args=(theirs, contender, name, batch_size, threads), daemon=True)
        process.start()
        theirs.close()                                      # so that a process that dies is an end of file here
        ours.recv()
        workers[contender] = ours, process
    times = {contender: [] for contender in CONTENDERS}
    for _ in range(turns):
        for contender, (connection, _) in workers.items():
            connection.send(steps if contender != "numpy" else 1)
            times[contender].append(connection.recv())
    for connection, process in workers.values():
        connection.send(0)
        process.join()
    return times


def main():
    parser = argparse.ArgumentParser(prog="python -m minisenet.twin.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="se_resnet20")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=minisenet.get_num_threads())
    parser.add_argument("--turns", type=int, default=7)
    args = parser.parse_args()
    times = measure(args.model, batch_size=args.batch_size, threads=args.threads, turns=args.turns)
    print(f"{args.model}, a training step, batch {args.batch_size}, {args.threads} threads, kernels {minisenet._dispatch.isa}, "
          f"medians of {args.turns} turns")
    for contender, seconds in times.items():
        ratio = statistics.median(other / own for other, own in zip(seconds, times["minisenet"]))
        print(f"  {contender:22s} {statistics.median(seconds) * 1e3:7.1f} ms   {ratio:5.2f} times minisenet's time")


if __name__ == "__main__":
    main()
