"""Layers that are not minisenet's: their shapes, their slopes, and errors that say what to do."""
import numpy as np
import pytest

from minisenet import gradcheck

SHAPES = {"x": "(N, C)"}


def leaky(x):
    return np.where(x.real > 0, x, 0.1 * x)


def leaky_backward(dy, x):
    return dy * np.where(x > 0, 1.0, 0.1)


def highest(x):
    """The maximum of each row, which has ties."""
    return np.maximum.reduce(x.real, axis=1)


def highest_backward(dy, x):
    dx = np.zeros_like(x)
    dx[np.arange(len(x)), x.argmax(axis=1)] = dy
    return dx


def distance(x):
    """np.abs has no complex step."""
    return np.abs(x).sum(axis=1)


def affine(x, w):
    """x w^T.

    Parameters
    ----------
    x : ndarray (N, C)
    w : ndarray (K, C)
    """
    return x @ w.T


def affine_backward(dy, x, w):
    return dy @ w, dy.T @ x


@pytest.mark.parametrize("forward, backward", [
    (leaky, leaky_backward), (highest, highest_backward), (distance, lambda dy, x: dy[:, None] * np.sign(x)),
    (lambda x: np.maximum(x, 0), lambda dy, x: dy * (x > 0)),
    (lambda x: np.clip(x, -1, 1), lambda dy, x: dy * (np.abs(x) < 1)),
    (lambda x: np.exp(x), lambda dy, y: dy * y), (lambda x: np.sqrt(x * x + 1), lambda dy, x, y: dy * x / y),
], ids=["leaky", "highest", "distance", "relu", "clip", "from y", "x and y"])
def test_right_layers_raise_no_false_alarm(forward, backward):
    for seed in range(25):
        verdict = gradcheck.check(forward, backward=backward, shapes=SHAPES, seed=seed)
        assert verdict.passed, f"seed {seed}\n{verdict}"


@pytest.mark.parametrize("forward, backward, mistake", [
    (leaky, lambda dy, x: dy * (x > 0), None),
    (distance, lambda dy, x: 2 * dy[:, None] * np.sign(x), "constant factor"),
    (affine, lambda dy, x, w: (dy @ w / len(x), dy.T @ x), "factor 1 / N"),
    (affine, lambda dy, x, w: (dy.T @ x, dy @ w), "results in the wrong order"),
    (affine, lambda dy, x, w: -(dy @ w), None),
])
def test_wrong_ones_are_found(forward, backward, mistake):
    verdict = gradcheck.check(forward, backward=backward, shapes=None if forward is affine else SHAPES)
    assert not verdict.passed and (mistake is None or verdict.mistake == mistake), str(verdict)


def test_a_result_may_be_asked_for_by_its_name():
    def gate(x):
        """A gate.

        Parameters
        ----------
        x : ndarray (N, C)

        Returns
        -------
        y, s : ndarray (N, C)
        """
        s = 1 / (1 + np.exp(-x))
        return x * s, s
    assert gradcheck.check(gate, backward=lambda dy, x, s: dy * (s + x * s * (1 - s))).passed


@pytest.mark.parametrize("forward, backward, shapes, message", [
    (lambda x: x, lambda dy, q: dy, SHAPES, "arguments must be arguments or results of <lambda>, got q"),
    (lambda x: x, lambda dy: dy, None, "cannot infer the shape of x"),
    (lambda x: x, None, SHAPES, "write its backward"),
    (lambda x: x, lambda dy: dy, {"x": "(N, C+1)"}, "a shape must have names and numbers"),
    (lambda x: x, lambda dy: dy, {"x": "()"}, "a shape must have names and numbers"),
    (leaky, None, None, "like must be one of minisenet's functions, got 'leaky'"),
])
def test_errors_say_what_to_do(forward, backward, shapes, message):
    with pytest.raises(ValueError, match=message) as error:
        gradcheck.check(forward, backward=backward, shapes=shapes)
    assert "\n" not in str(error.value)


def test_like_and_shapes_do_not_go_together():
    with pytest.raises(ValueError, match="give only one of them"):
        gradcheck.check(leaky, "relu", backward=leaky_backward, shapes=SHAPES)
    with pytest.raises(TypeError, match="function must be a function, got str"):
        gradcheck.check("squeeze")


@pytest.mark.parametrize("forward, says", [
    (lambda x: None, "is there a return"), (lambda x: 1 / 0, "raises ZeroDivisionError"),
    (lambda x: "y", "does not return an array of numbers"),
    (lambda x: x.__imul__(2), "writes into its argument x"),
])
def test_a_forward_that_fails(forward, says):
    verdict = gradcheck.check(forward, backward=lambda dy, x: dy, shapes=SHAPES)
    assert verdict.mistake == "the forward fails" and says in verdict.named.says and not verdict.passed


def test_a_forward_that_jumps_everywhere():
    """No slope anywhere: the verdict says so, and does not blame the backward."""
    verdict = gradcheck.check(lambda x: np.abs(x) * np.sign(np.sin(1e9 * x.real)), backward=lambda dy, x: dy, shapes=SHAPES)
    assert not verdict.passed
