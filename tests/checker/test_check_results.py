"""What may come back from a call: arrays of numbers, whatever else NumPy and Python have, and how each is called."""
import numpy as np
import pytest

from minisenet import functional as F
from minisenet import gradcheck


class Subclass(np.ndarray):
    """An array that could do anything."""


WRONG = {
    "bool": (lambda z: z > 0, "wrong dtype"),
    "complex": (lambda z: z + 0j, "wrong dtype"),
    "float32": (lambda z: z.astype(np.float32), "float32 returned"),
    "int": (lambda z: z.astype(int), "integers returned"),
    "object": (lambda z: z.astype(object), "wrong kind of result"),
    "structured": (lambda z: np.zeros(z.shape, [("a", float)]), "wrong kind of result"),
    "text": (lambda z: z.astype(str), "wrong kind of result"),
    "masked": (lambda z: np.ma.masked_array(z, np.zeros(z.shape, bool)), "wrong kind of result"),
    "matrix": (lambda z: z.view(np.matrix), "wrong kind of result"),
    "subclass": (lambda z: z.view(Subclass), "wrong kind of result"),
    "generator": (lambda z: (row for row in z), "wrong kind of result"),
    "nested lists": (lambda z: z.tolist(), "wrong kind of result"),
    "tuple of one": (lambda z: (z,), "wrong kind of result"),
    "dict": (lambda z: {"z": z}, "wrong kind of result"),
    "string": (lambda z: "z", "wrong kind of result"),
    "type": (lambda z: np.ndarray, "wrong kind of result"),
    "None": (lambda z: None, "returns None"),
    "empty": (lambda z: z[:0], None),
    "zero dimensions": (lambda z: z.sum(), None),
    "NaN": (lambda z: z * np.nan, "NaN or infinity"),
    "large": (lambda z: np.zeros((300, 300)), None),
}
SOURCE = """
import numpy as np
class Subclass(np.ndarray):
    pass
change = {change}
def squeeze(u):
    return change(u.mean(axis=(1, 2)))
"""


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_array_of_the_right_numbers(name):
    change, mistake = WRONG[name]
    verdict = gradcheck.check(lambda u: change(u.mean(axis=(1, 2))), like="squeeze")
    assert not verdict.passed and (mistake is None or verdict.mistake == mistake), str(verdict)
    assert max(map(len, str(verdict).splitlines())) <= 80 and verdict.to_dict()["passed"] is False


@pytest.mark.parametrize("expression, mistake", [
    ("lambda z: z.astype(object)", "wrong kind of result"), ("lambda z: z > 0", "wrong dtype"),
    ("lambda z: z + 0j", "wrong dtype"),
    ("lambda z: np.zeros(z.shape, [('a', float)])", "wrong kind of result"),
    ("lambda z: z.view(Subclass)", "wrong kind of result"),
    ("lambda z: np.ma.masked_array(z)", "wrong kind of result"), ("lambda z: (row for row in z)", "wrong kind of result"),
    ("lambda z: z.tolist()", "wrong kind of result"), ("lambda z: np.zeros((3000, 3000))", "wrong kind of result"),
    ("lambda z: 10**100", "wrong kind of result"), ("lambda z: {1: z}", "wrong kind of result"),
    ("lambda z: None", "returns None"),
])
def test_the_same_from_another_process(tmp_path, expression, mistake):
    (tmp_path / "answer.py").write_text(SOURCE.format(change=expression), encoding="utf-8")
    verdict = gradcheck.check_file(f"{tmp_path / 'answer.py'}:squeeze", time_limit=120.0)
    assert verdict.mistake == mistake, str(verdict)


@pytest.mark.parametrize("number", [float, np.float64, np.array, lambda loss: loss])
def test_a_loss_may_be_any_number(number):
    def softmax_cross_entropy(logits, labels, *, label_smoothing=0.0):
        loss, p = F.softmax_cross_entropy(logits, labels, label_smoothing=label_smoothing)
        return number(loss), p
    assert gradcheck.check(softmax_cross_entropy).passed


def test_a_list_of_results_is_as_good_as_a_tuple():
    assert gradcheck.check(lambda dy, u, s: list(F.scale_backward(dy, u, s)), like="scale_backward").passed


def test_memory_that_is_laid_out_in_another_way():
    """Strides are nobody's business: a transposed view of a fresh array is right."""
    assert gradcheck.check(lambda u, s: np.asfortranarray(F.scale(u, s)), like="scale").passed


def test_json_holds_no_number_that_json_has_not():
    import json
    verdict = gradcheck.check(lambda u: u.mean(axis=(1, 2)) * np.inf, like="squeeze")
    assert json.loads(json.dumps(verdict.to_dict(), allow_nan=False))["mistake"]["name"] == "NaN or infinity"


def test_a_nan_that_signals_is_wrong_and_no_warning():
    """Memory that was not cleared may hold one; arithmetic with it makes NumPy warn."""
    def squeeze(u):
        z = u.mean(axis=(1, 2))
        z.view(np.uint64)[...] = 0x7FF0000000000001
        return z
    assert not gradcheck.check(squeeze).passed
