"""Downloading from a real server on the loopback, good, wrong, broken and absent; finding and verifying local copies."""
import hashlib
import http.server
import os
import threading
import time

import pytest

from minisenet.data import DataError, download, load
from minisenet.data.download import Archive, DownloadError, data_home, get, verify, where

from .cifar_fixtures import LAYOUT, check, write_archive, write_folder

pytestmark = pytest.mark.section_5
BIN10, PY10, BIN100 = (LAYOUT[f] for f in ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar-100-binary"))


class Server(http.server.ThreadingHTTPServer):
    """Serves `body` under every path. The first part of the path says how: /good/, /wrong/, /cut/, /404/, /503/, /flaky/."""

    def __init__(self, body):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.asked = body, []

    def mirror(self, behaviour):
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/{{file}}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        behaviour, file = self.path.strip("/").split("/")
        self.server.asked.append((behaviour, file))
        first = sum(asked == (behaviour, file) for asked in self.server.asked) == 1
        body = self.server.body
        if behaviour in ("404", "503") or (behaviour == "flaky" and first):
            self.send_error(int(behaviour) if behaviour.isdigit() else 503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if behaviour == "wrong":
            body = bytes(len(body))
        if behaviour == "cut":
            body = body[:len(body) // 2]
        if behaviour == "slow":
            try:
                for start in range(0, len(body), 100):
                    self.wfile.write(body[start:start + 100])
                    time.sleep(0.02)
            except OSError:     # the client has given up
                pass
            return
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(bare_machine, tmp_path, monkeypatch):
    """A server with a small binary CIFAR-10 whose checksum is taken as the official one."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    archive, batches = write_archive(tmp_path / "source", BIN10)
    body = archive.read_bytes()
    official = Archive(len(body), hashlib.sha256(body).hexdigest(), ("http://127.0.0.1:9/{file}",))
    monkeypatch.setitem(download.ARCHIVES, "cifar10", {BIN10.archive: official})
    server = Server(body)
    server.batches = batches
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.02))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(server, *behaviours, **options):
    return get("cifar10", mirrors=[server.mirror(b) for b in behaviours], **{**dict(pause=0, timeout=5), **options})


def test_a_good_server(server):
    assert where("cifar10") is None
    path = fetch(server, "good")
    assert path == data_home() / BIN10.archive == where("cifar10")
    assert path.read_bytes() == server.body
    check(load("cifar10"), BIN10, server.batches)
    check(load("auto"), BIN10, server.batches)
    assert verify("cifar10").status == "official"
    assert fetch(server, "404") == path and len(server.asked) == 1      # a local copy is not downloaded again


@pytest.mark.parametrize("bad, asked", [("wrong", 1), ("cut", 2), ("404", 2), ("503", 2)])
def test_a_bad_mirror_then_a_good_one(server, bad, asked):
    assert fetch(server, bad, "good").read_bytes() == server.body
    assert [behaviour for behaviour, _ in server.asked] == [bad] * asked + ["good"]
    assert os.listdir(data_home()) == [BIN10.archive]           # no temporary file is left


@pytest.mark.parametrize("bad, reason", [("wrong", "not the official file"), ("cut", "."), ("404", "HTTP status 404"),
                                         ("503", "HTTP status 503")])
def test_only_bad_mirrors_leave_nothing_that_looks_right(server, bad, reason):
    with pytest.raises(DownloadError, match=reason) as error:
        fetch(server, bad)
    assert "\n" not in str(error.value) and server.mirror(bad).format(file=BIN10.archive) in str(error.value)
    assert os.listdir(data_home()) == [] and where("cifar10") is None


def test_a_server_that_stumbles_once_is_asked_again(server):
    assert fetch(server, "flaky").read_bytes() == server.body
    assert len(server.asked) == 2


def test_no_server_at_all(server):
    with pytest.raises(DownloadError, match="127.0.0.1:9.*Connect"):
        get("cifar10", pause=0, timeout=5)


def test_a_slow_mirror_is_given_up_for_a_faster_one(server, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.1)
    assert fetch(server, "slow", "good", least=1e9).read_bytes() == server.body
    assert [behaviour for behaviour, _ in server.asked] == ["slow", "good"]


def test_a_file_that_is_not_the_official_one_is_replaced(server):
    data_home().mkdir(parents=True)
    (data_home() / BIN10.archive).write_bytes(b"half of it")
    assert verify("cifar10").status == "damaged"
    assert fetch(server, "good").read_bytes() == server.body


def test_another_folder(server, tmp_path, monkeypatch):
    assert fetch(server, "good", folder=tmp_path / "here").parent == tmp_path / "here"
    monkeypatch.setenv("MINISENET_DATA", str(tmp_path / "there"))
    assert fetch(server, "good").parent == tmp_path / "there"


def test_without_pooch_the_error_says_what_to_install(server, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pip install "minisenet\[train\]"'):
        fetch(server, "good")


def test_the_built_in_mirrors_are_whole():
    for name, archives in download.ARCHIVES.items():
        for file, archive in archives.items():
            assert file.startswith(name.replace("cifar", "cifar-")) and len(archive.sha256) == 64
            assert all(url.startswith("https://") and file in url.format(file=file) for url in archive.mirrors)
    for folder, members in download.MEMBERS.items():
        assert set(members) == set(LAYOUT[folder].files) and len(set(members.values())) == len(members)


# ---- where ---------------------------------------------------------------------------------------------------------------

def as_official(monkeypatch, folder):
    """Take these files as the official ones."""
    members = download.MEMBERS[folder.name]
    algorithm = {file: "md5" if len(digest) == 32 else "sha256" for file, digest in members.items()}
    monkeypatch.setitem(download.MEMBERS, folder.name, {
        file: hashlib.new(algorithm[file], (folder / file).read_bytes()).hexdigest() for file in members})


def test_nothing_anywhere(bare_machine):
    assert where("cifar10") is None and where("cifar100") is None
    with pytest.raises(DataError, match="`minisenet data get cifar100` gets it"):
        load("cifar100")
    with pytest.raises(DataError, match="is not here"):
        verify("cifar10")
    for function in (where, verify, get):
        with pytest.raises(DataError, match="data set must be one of cifar10, cifar100, got 'mnist'"):
            function("mnist")


def test_the_users_folder_is_taken_as_it_is(bare_machine, tmp_path, monkeypatch):
    folder, batches = write_folder(tmp_path / "mine", PY10)
    monkeypatch.setenv("MINISENET_DATA", str(tmp_path / "mine"))
    assert where("cifar10") == folder and where("cifar100") is None
    check(load("auto"), PY10, batches)
    verdict = verify("cifar10")
    assert verdict.status == "not official" and "35 + 7 images" in verdict.detail


@pytest.mark.parametrize("root, layout", [
    ("cwd/data", PY10), ("home/data", BIN10), ("home/.keras/datasets", PY10),
    ("home/.keras/datasets/cifar-10-batches-py-target", PY10), ("home/data", BIN100)])
def test_other_libraries_folders_need_the_official_checksums(bare_machine, tmp_path, monkeypatch, root, layout):
    folder, batches = write_folder(tmp_path / root, layout)
    assert where(layout.name) is None
    as_official(monkeypatch, folder)
    assert where(layout.name).resolve() == folder.resolve()
    check(load(layout.name), layout, batches)
    assert verify(layout.name).status == "official"
    (folder / layout.test).write_bytes((folder / layout.test).read_bytes()[:-1])
    assert where(layout.name) is None
    assert verify(layout.name, folder).status == "damaged"


@pytest.mark.parametrize("file", ["cifar-10-batches-py-target_archive", "cifar-10-batches-py.tar.gz"])
def test_keras_archives(bare_machine, tmp_path, monkeypatch, file):
    archive, batches = write_archive(tmp_path / "source", PY10)
    keras = tmp_path / "keras" / "datasets"
    keras.mkdir(parents=True)
    body = archive.read_bytes()
    (keras / file).write_bytes(body)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert where("cifar10") is None
    monkeypatch.setitem(download.ARCHIVES["cifar10"], PY10.archive, Archive(len(body), hashlib.sha256(body).hexdigest(), ()))
    assert where("cifar10") == keras / file
    check(load("auto"), PY10, batches)


def test_verify_tells_an_archive_of_other_images_from_a_damaged_one(bare_machine, tmp_path):
    archive, _ = write_archive(tmp_path, BIN10)
    assert verify("cifar10", archive).status == "not official"
    archive.write_bytes(archive.read_bytes()[:-9])
    verdict = verify("cifar10", archive)
    assert verdict.status == "damaged" and "not a whole .tar.gz" in verdict.detail
    with pytest.raises(DataError, match="is not at"):
        verify("cifar10", tmp_path / "nowhere")
