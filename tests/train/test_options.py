"""The options that describe a run: given ones, the defaults of the recipe and of the network, and the run that they make."""
import argparse

import numpy as np
import pytest

from minisenet.train import options, recipe

pytestmark = pytest.mark.section_5


def parsed(*argv, suppress=True):
    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS if suppress else None)
    options.add_run(parser)
    return parser.parse_args(argv)


@pytest.mark.parametrize("suppress", [True, False])
def test_what_is_not_given_is_the_networks_own(suppress):
    assert options.model_options(parsed(suppress=suppress)) == {}
    given = options.model_options(parsed("--se-bias", "--width", "4", "--shortcut", "A", "--reduction", "2", suppress=suppress))
    assert given == dict(se_bias=True, width=4, shortcut="A", reduction=2)


def test_what_is_not_given_is_the_recipes():
    run = options.describe(parsed())
    assert run == dict(data="auto", limit=None, model="se_resnet20", options={}, settings=run["settings"])
    assert run["settings"] == {name: getattr(recipe, name.upper()) for name in options.RECIPE} | dict(seed=0, epochs=None)
    run = options.describe(parsed(*"--lr 0.1 --seed 3 --epochs 2 --limit 9 --data x --model resnet20".split()))
    assert (run["data"], run["limit"], run["model"]) == ("x", 9, "resnet20")
    assert {name: run["settings"][name] for name in ("lr", "seed", "epochs", "momentum")} == dict(
        lr=0.1, seed=3, epochs=2, momentum=recipe.MOMENTUM)


def test_a_wrong_network_is_known_before_the_data_is_read():
    with pytest.raises(ValueError, match="reduction must be at most 16, .*, got 17"):
        options.describe(parsed("--reduction", "17"))


def test_prepare(data, monkeypatch):
    monkeypatch.setattr(options.sets, "load", lambda name: data)
    weights = []
    for argv, epochs in (([], recipe.epochs("shapes")), (["--epochs", "2", "--limit", "40", "--seed", "1"], 2)):
        run = options.describe(parsed("--width", "2", "--reduction", "2", *argv))
        found, model = options.prepare(run)
        assert len(found.train_labels) == (run["limit"] or 96) and run["settings"]["epochs"] == epochs
        assert model.options == dict(num_classes=10, seed=run["settings"]["seed"], width=2, reduction=2)
        weights.append(model.conv1.weight.value)
    assert not np.array_equal(*weights)
