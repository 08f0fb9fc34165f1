"""Time this checkout against another one, in turn, on the same work: `python tests/bench/against.py OTHER_CHECKOUT`.

    git worktree add ../before ab07436 && (cd ../before && python setup.py build_ext --inplace)
    python tests/bench/against.py ../before

Each turn starts a process for each contender: the training step of a plain loop, the same inside `reuse_memory` where there is
one, the plain network's step, and inference. What is printed are medians over the turns of the median step, and of the ratios
within each turn (theirs over ours), the peak memory, and how many pages of memory a step touches for the first time. Any
checkout since ab07436 will do.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
STEPS = '''
import contextlib, json, resource, statistics, sys, time
import numpy as np
import minisenet
import minisenet.functional as F
from minisenet import models
from minisenet.layers import inference_mode
from minisenet.optim import SGD

work, name, batch, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = np.random.default_rng(0)
images, labels = rng.standard_normal((batch, 32, 32, 3)).astype(np.float32), rng.integers(0, 10, batch)
model = models.create(name.removeprefix("se_") if work == "plain network" else name)
optimiser = SGD(model.parameters())

def train():
    _, p = F.softmax_cross_entropy(model(images), labels)
    model.backward(F.softmax_cross_entropy_backward(p, labels))
    optimiser.step(0.01)

def infer():
    with inference_mode():
        model(images)

step = infer if work == "inference" else train
if work == "inference":
    model.eval()
reuse = getattr(minisenet, "reuse_memory", contextlib.nullcontext)
with contextlib.nullcontext() if work == "plain loop" else reuse():
    for _ in range(4):
        step()
    seconds, faults = [], resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([statistics.median(seconds) * 1e3, usage.ru_maxrss / 1024, (usage.ru_minflt - faults) / steps]))
'''
WORKS = ("plain loop", "reuse_memory", "plain network", "inference")


def measure(checkout, work, arguments):
    """(milliseconds of a step, peak memory in MB, pages of memory that a step touches for the first time) of one process."""
    command = [sys.executable, "-P", "-c", STEPS, work, arguments.model, str(arguments.batch_size), str(arguments.steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=checkout,
                          env=os.environ | {"PYTHONPATH": str(checkout)})
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--model", default="se_resnet20")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--repeat", type=int, default=9)
    arguments = parser.parse_args()
    contenders = [(where, work) for work in WORKS for where in ("theirs", "ours")]
    places, found = dict(ours=HERE, theirs=arguments.other.resolve()), {}
    for turn in range(arguments.repeat):
        for where, work in contenders if turn % 2 else contenders[::-1]:
            found.setdefault((where, work), []).append(measure(places[where], work, arguments))
    ours_plain = [ms for ms, *_ in found["ours", "plain loop"]]
    print(f"{'':8}{'work':16}{'ms a step':>10}{'peak MB':>9}{'new pages':>11}{'over ours':>11}")
    for where, work in contenders:
        times, memory, pages = zip(*found[where, work])
        base = [ms for ms, *_ in found["ours", work]] if work in ("inference", "plain network") else ours_plain
        ratio = statistics.median(ms / ours for ms, ours in zip(times, base))
        print(f"{where:8}{work:16}{statistics.median(times):10.1f}{statistics.median(memory):9.0f}"
              f"{statistics.median(pages):11.0f}{ratio:11.3f}")
    cost = statistics.median(se / plain for se, plain in zip(ours_plain, [ms for ms, *_ in found["ours", "plain network"]]))
    print(f"SE over plain, ours: {cost:.3f}")


if __name__ == "__main__":
    main()
