"""The built-in set: a pure function of its seed, balanced, two different splits, too hard for a linear model."""
import numpy as np
import pytest

from minisenet.data import DataError, Dataset, load
from minisenet.data.shapes import CLASSES, GROUNDS, KINDS, _coverage, shapes


@pytest.fixture(scope="module")
def small():
    return shapes(train=600, test=300)


def test_what_it_is(small):
    assert small.train_images.shape == (600, 32, 32, 3) and small.test_images.shape == (300, 32, 32, 3)
    assert small.name == "shapes" and len(small.classes) == len(KINDS) * len(GROUNDS) == 10
    for labels, n in ((small.train_labels, 60), (small.test_labels, 30)):
        assert np.bincount(labels).tolist() == [n] * 10


def test_is_a_pure_function_of_the_seed(small):
    again, fewer, other = shapes(train=600, test=300), shapes(train=301, test=1), shapes(seed=1, train=600, test=300)
    np.testing.assert_array_equal(again.train_images, small.train_images)
    np.testing.assert_array_equal(fewer.train_images, small.train_images[:301])
    assert (other.train_images != small.train_images).mean() > 0.9


def test_no_image_comes_twice(small):
    images = np.concatenate([small.train_images, small.test_images])
    assert len({image.tobytes() for image in images}) == len(images)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_figures_lie_within_their_radius_and_turn(kind):
    """A figure rotated by a quarter turn is the image rotated by a quarter turn; outside radius and soft edge it is 0."""
    radius = np.array([7.0], np.float32)

    def cover(angle):
        return _coverage(np.array([kind]), np.array([[16, 16]]), np.array([angle], np.float32), radius)[0]
    y, x = np.mgrid[:32, :32] + 0.5 - 16
    far = np.hypot(x, y) > 7.0 * (1.15 if KINDS[kind] in ("square", "triangle", "cross") else 1) + 1
    for angle in (0.0, 0.3, 2.0):
        assert cover(angle).max() == 1 and cover(angle).min() == 0 and not cover(angle)[far].any()
        np.testing.assert_allclose(cover(angle + np.pi / 2), np.rot90(cover(angle), -1), atol=1e-5)


def test_stripes_are_rougher_than_a_plain_ground_and_no_class_has_a_colour(small):
    images = small.train_images.astype(float)
    corner = images[:, :4, :4].std(axis=(1, 2)).mean(axis=1)
    striped = np.array(["stripes" in small.classes[label] for label in small.train_labels])
    assert np.median(corner[striped]) > 1.3 * np.median(corner[~striped])
    means = images.mean(axis=(1, 2))
    for label in range(10):     # each class has the mean colour of all, within five standard errors
        ours = means[small.train_labels == label]
        assert (np.abs(ours.mean(axis=0) - means.mean(axis=0)) < 5 * means.std(axis=0) / np.sqrt(len(ours))).all()


def test_both_figures_are_there_and_the_right_one_counts(small):
    """Red minus blue: every image has a warm and a cool region, about as large as a figure."""
    difference = small.train_images[..., 0].astype(int) - small.train_images[..., 2]
    warm, cool = (difference > 70).sum(axis=(1, 2)), (difference < -70).sum(axis=(1, 2))
    assert (warm > 15).all() and (cool > 15).all()
    # Discs cover most, rings and crosses least: so the warm region depends on the class on stripes only.
    kinds, grounds = np.divmod(small.train_labels, 2)
    for region, ground, says in ((warm, 0, True), (warm, 1, False), (cool, 1, True), (cool, 0, False)):
        discs = region[(grounds == ground) & (kinds == KINDS.index("disc"))].mean()
        crosses = region[(grounds == ground) & (kinds == KINDS.index("cross"))].mean()
        assert (discs > 1.2 * crosses) == says


@pytest.mark.section_5
def test_a_linear_model_stays_below_half():
    """Ridge regression onto the ten classes, with the strength that is best on the test images themselves."""
    d = shapes(train=2000, test=1000)
    x, x_test = ((images.reshape(len(images), -1) / 255 - 0.5).astype(np.float32)
                 for images in (d.train_images, d.test_images))
    targets = np.eye(10, dtype=np.float32)[d.train_labels] - 0.1
    inner, inner_test = x @ x.T, x_test @ x.T       # the weights are x^T a: 2,000 unknowns for each class, not 3,072
    one = np.eye(len(x), dtype=np.float32)
    logits = [inner_test @ np.linalg.solve(inner + strength * one, targets) for strength in (100, 3000)]
    accuracy = max((scores.argmax(axis=1) == d.test_labels).mean() for scores in logits)
    assert 0.08 < accuracy < 0.5


@pytest.mark.parametrize("change", [dict(train=0), dict(test=0), dict(seed=-1)])
def test_bad_arguments(change):
    with pytest.raises(ValueError):
        shapes(**change)


# ---- load ----------------------------------------------------------------------------------------------------------------

def test_load(bare_machine, small):
    numbers = dict(shapes_train=20, shapes_test=10)
    built_in, auto = load("shapes", shapes_seed=3, **numbers), load("auto", shapes_seed=3, **numbers)
    np.testing.assert_array_equal(auto.train_images, built_in.train_images)
    np.testing.assert_array_equal(built_in.train_images, shapes(seed=3, train=20, test=10).train_images)
    assert "minisenet data get cifar10" in auto.source and "seed 3" in auto.source
    assert "get" not in built_in.source and "\n" not in auto.source
    assert load(small) is small and isinstance(auto, Dataset)
    with pytest.raises(DataError, match="no_such_folder does not exist"):
        load("no_such_folder")
    with pytest.raises(TypeError, match="data must be auto, .* or a Dataset, got int"):
        load(3)
    assert len(CLASSES) == 10
