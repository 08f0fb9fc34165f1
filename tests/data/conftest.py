"""Fixtures of the data tests: a machine without CIFAR."""
import pytest


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """Home, cache, Keras and the working directory in an empty folder; returns the cache folder."""
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("MINISENET_DATA", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    from minisenet.data import download
    return download.data_home()
