"""The unpickler: arrays are read exactly, and a pickle with code is refused before any of it runs."""
import os
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minisenet.data import DataError
from minisenet.data.unpickle import unpickle

from .cifar_fixtures import py2_array


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("dtype", ["u1", "i8", ">i4", "f4", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_through(protocol, dtype, order):
    a = np.asarray(np.arange(24).reshape(2, 3, 4), dtype, order=order)
    out = unpickle(pickle.dumps({"a": a, "n": 3, "names": ["x", "y"]}, protocol))
    np.testing.assert_array_equal(out["a"], a)
    assert out["a"].dtype == a.dtype and out["n"] == 3 and out["names"] == ["x", "y"]


@settings(deadline=None, max_examples=50)
@given(n=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_python_2_arrays_come_through_without_a_warning(n, seed):
    rows = np.random.default_rng(seed).integers(0, 256, (n, 3072), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")      # NumPy 2.4 warns of align=0
        out = unpickle(b"\x80\x02}U\x04data" + py2_array(rows) + b"s.")
    np.testing.assert_array_equal(out["data"], rows)


def test_bytes_keys_are_text():
    assert unpickle(pickle.dumps({b"labels": [1]})) == {"labels": [1]}


# ---- errors --------------------------------------------------------------------------------------------------------------

class Acts:
    """Its pickle is a call of `function`."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [os.system, eval], ids=["system", "eval"])
def test_a_pickle_that_acts_is_refused_and_runs_nothing(tmp_path, protocol, function):
    made = tmp_path / "made"
    code = f'echo x > "{made}"' if function is os.system else f"__import__('pathlib').Path({str(made)!r}).touch()"
    evil = pickle.dumps({"data": Acts(function, code)}, protocol)
    with pytest.raises(DataError, match=r"it names (posix|nt|builtins|__builtin__)\.(system|eval)"):
        unpickle(evil)
    assert not made.exists()
    pickle.loads(evil)      # the test can fail: an ordinary unpickler runs it
    assert made.exists()


def test_a_forbidden_global_nested_in_an_allowed_one_is_refused(tmp_path):
    made = tmp_path / "made"
    evil = (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\ncposix\nsystem\n(U"
            + bytes([len(f"touch {made}")]) + f"touch {made}".encode() + b"tRU\x01btR.")
    with pytest.raises(DataError, match="it names posix.system"):
        unpickle(evil)
    assert not made.exists()


@pytest.mark.parametrize("name", ["numpy\nload", "numpy.core.multiarray\nscalar", "numpy\nndarray.tofile",
                                  "builtins\ngetattr",
                                  "numpy._core.numeric\n_frombuffer", "minisenet.data.unpickle\npickle", "_codecs\nencode"])
@pytest.mark.parametrize("form", ["GLOBAL", "STACK_GLOBAL"])
def test_other_globals_are_refused_by_name(name, form):
    module, attribute = name.split("\n")
    if form == "GLOBAL":
        data = f"c{name}\n.".encode()
    else:
        names = (b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, attribute))
        data = b"\x80\x04" + b"".join(names) + b"\x93."
    with pytest.raises(DataError, match=f"it names {module}.{attribute}, which no CIFAR file does"):
        unpickle(data)


@pytest.mark.parametrize("value", [np.array([None, 1], object), np.array([(1, 2.0)], "i4,f8"), np.array(["a"]),
                                   np.array(["2020-01-01"], "M8[D]")], ids=["object", "structured", "text", "date"])
def test_arrays_of_anything_but_numbers_are_refused(value):
    with pytest.raises(DataError):
        unpickle(pickle.dumps({"data": value}, 4))


@pytest.mark.parametrize("data", [
    b"\x80\x02cnumpy\nndarray\n(K\x03tR.",                                                # ndarray(3): a call of the class
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\nK\x00U\x01btR.",      # of something else than an array
    b"\x80\x02cnumpy\ndtype\n(U\x01OtR.",
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(N}U\x08__init__Nstb.",              # a state for the global itself
    b"\x80\x02}U\x04datacnumpy\nndarray\ns.",
])
def test_misuse_of_the_allowed_globals_does_nothing(data):
    try:
        out = unpickle(data)
    except DataError:
        return
    assert not any(isinstance(value, np.ndarray) for value in out.values())


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_damage_anywhere_is_an_error_or_harmless(data):
    rows = np.zeros((1, 3072), np.uint8)
    whole = bytearray(b"\x80\x02}U\x04data" + py2_array(rows)[:220] + b"s.")
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(unpickle(bytes(whole)), dict)
    except DataError as error:
        assert "it" in str(error)
