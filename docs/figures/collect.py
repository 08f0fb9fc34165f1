"""Collect finished runs of `minisenet train` for docs/training.md: the figures' data files, and the page's tables.

    python docs/figures/collect.py RUN … [--to training.json]       each run's accuracies, epoch by epoch
    python docs/figures/collect.py RUN … --gates [--to gates.json]  their gates; the figure shows those of the first

It writes a file in docs/figures/ and prints a table in Markdown that holds nothing but what is in the file;
tests/train/test_collect.py holds the tables of the page against the files.
"""
import argparse
import json
import sys
from pathlib import Path

from minisenet import data as sets
from minisenet import models
from minisenet.train import gates
from minisenet.train.run_folder import LAST, METRICS, RunError, model_state, read, read_config

FOLDER = Path(__file__).resolve().parent


def network(config):
    """SE-ResNet-20, r = 16: what the run trained, as a reader would say it."""
    made = config["model"]
    se, _, depth = made["name"].rpartition("resnet")
    if not depth.isdigit():
        return made["name"]
    return f"SE-ResNet-{depth}, r = {made['options'].get('reduction', 16)}" if se else f"ResNet-{depth}"


def metrics(path, config):
    """The metrics of each epoch of a run that came to its end.

    Raises
    ------
    RunError
        For a run that did not.
    """
    file = Path(path) / METRICS
    history = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    if len(history) != config["settings"]["epochs"]:
        raise RunError(f"{path} has {len(history)} of {config['settings']['epochs']} epochs: "
                       f"bring it to its end with `minisenet train --resume {path}`")
    return history


def compared(paths):
    """The settings of each run, which may only differ in the network and the seed.

    Raises
    ------
    RunError
        For runs that cannot be compared.
    """
    configs = [read_config(path) for path in paths]

    def rest(config):
        return dict(config["settings"], seed=None) | dict(hash=config["data"]["hash"])
    for path, config in zip(paths, configs):
        differing = [key for key, value in rest(configs[0]).items() if rest(config).get(key) != value]
        if differing:
            raise RunError(f"{path} and {paths[0]} differ in {', '.join(differing)}: only the network and the seed may")
    return configs


def curves(paths):
    """What training.json holds.

    Parameters
    ----------
    paths : sequence of str or Path
        Run folders.

    Returns
    -------
    list of dict
        A run each, in the order of names and seeds: name, seed, and lists over the epochs: test_accuracy and
        train_accuracy (0 to 1), train_loss.

    Raises
    ------
    RunError
        For a run that is not finished, two of one name and seed, or runs that cannot be compared.
    """
    runs = {}
    for path, config in zip(paths, compared(paths)):
        history = metrics(path, config)
        key = network(config), config["settings"]["seed"]
        if key in runs:
            raise RunError(f"{path}: there are two runs of {key[0]} with seed {key[1]}")
        runs[key] = dict(name=key[0], seed=key[1], **{kind: [round(epoch[kind], 5) for epoch in history]
                                                      for kind in ("test_accuracy", "train_accuracy", "train_loss")})
    return [runs[key] for key in sorted(runs)]


def accuracy_table(runs):
    """A row for each network: the last epoch of its runs, as Markdown."""
    lines = ["| network | seeds | test accuracy | lowest to highest | training accuracy |", "| --- " * 5 + "|"]
    for name in dict.fromkeys(run["name"] for run in runs):
        own = [run for run in runs if run["name"] == name]
        test, train = ([100 * run[kind][-1] for run in own] for kind in ("test_accuracy", "train_accuracy"))
        lines.append(f"| {name} | {len(own)} | {sum(test) / len(own):.2f} % | {min(test):.2f} to {max(test):.2f} | "
                     f"{sum(train) / len(own):.2f} % |")
    return "\n".join(lines)


def trained_gates(paths):
    """What gates.json holds.

    Parameters
    ----------
    paths : sequence of str or Path
        Run folders of networks with SE blocks; the data must lie where it lay in training.

    Returns
    -------
    dict
        `run`, `classes` and `blocks` (name, mean_by_class: [class][channel]) of the first; `tables`, for every run: name,
        seed, and the rows of `minisenet.train.gates.table`.

    Raises
    ------
    RunError
        For a run that is not finished, has no SE block, or cannot be compared.
    """
    result = dict(tables=[])
    for path, config in zip(paths, compared(paths)):
        metrics(path, config)
        given = config["notes"].get("train", {})                # empty where the run was started from Python
        data = sets.load(given.get("data", config["data"]["name"]))
        model = models.create(config["model"]["name"], **config["model"]["options"])
        model.load_state_dict(model_state(*read(Path(path) / LAST)))
        found = gates.collect(model, data)
        if not found.blocks:
            raise RunError(f"{path} trained {network(config)}, which has no gates")
        if not result["tables"]:
            result |= dict(run=f"{network(config)}, seed {config['settings']['seed']}", classes=config["data"]["classes"])
            result["blocks"] = [dict(name=name, mean_by_class=found.class_means(name).astype(float).round(4).tolist())
                                for name in found.blocks]
        rows = [{key: round(value, 7) if isinstance(value, float) else value for key, value in row.items()}
                for row in gates.table(found)]
        result["tables"].append(dict(name=network(config), seed=config["settings"]["seed"], rows=rows))
    return result


def gate_table(found):
    """A row for each block, a few columns for each network: the means over its seeds, as Markdown."""
    head, columns = ["block", "channels"], []
    for name in sorted({table["name"] for table in found["tables"]}):
        own = [table["rows"] for table in found["tables"] if table["name"] == name]
        short = name.rpartition(", ")[2]
        head += [f"{short}: deviation", "between classes", "dead hidden units"]
        columns.append([_cells(rows) for rows in zip(*own)])
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    for row, *cells in zip(found["tables"][0]["rows"], *columns):
        lines.append(" | ".join([row["block"], str(row["channels"]), *sum(cells, [])]))
    return "\n".join(f"| {line} |" for line in lines)


def _cells(rows):
    """Three columns for one block: deviation over images and between classes, means over seeds; dead units of all seeds."""
    total = {key: sum(row[key] for row in rows) for key in ("deviation", "by_class", "dead", "hidden")}
    return [f"{total['deviation'] / len(rows):.3f}", f"{total['by_class'] / len(rows):.3f}",
            f"{total['dead']} of {total['hidden']}"]


def dumps(value):
    """JSON with a line for each run, block or table, so that a difference can be read."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(json.dumps(one) for one in value) + "\n]\n"
    parts = [f"{json.dumps(key)}: " + (dumps(one).rstrip("\n") if isinstance(one, list) and isinstance(one[0], dict)
                                      else json.dumps(one)) for key, one in value.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="collect.py", description="Collect finished runs for docs/training.md.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders of `minisenet train`")
    parser.add_argument("--gates", action="store_true", help="the gates of the last networks, in place of the accuracies")
    parser.add_argument("--to", metavar="NAME", help="the file in docs/figures/ (default: training.json, or gates.json)")
    args = parser.parse_args(argv)
    collect, table = (trained_gates, gate_table) if args.gates else (curves, accuracy_table)
    try:
        found = collect(args.runs)
    except (RunError, ValueError, OSError) as error:
        print(f"collect.py: error: {error}", file=sys.stderr)
        return 1
    (FOLDER / (args.to or ("gates.json" if args.gates else "training.json"))).write_text(dumps(found), encoding="utf-8")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
