"""CIFAR files: all four layouts, from folders and archives, and every kind of damage."""
import io
import re
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minisenet.data import DataError, cifar, load

from .cifar_fixtures import LAYOUT, check, contents, py2_batch, write_archive, write_folder

pytestmark = pytest.mark.section_5
each_layout = pytest.mark.parametrize("layout", LAYOUT.values(), ids=LAYOUT)
BIN10, PY10, BIN100, PY100 = (LAYOUT[f] for f in
                              ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar-100-binary", "cifar-100-python"))


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


@each_layout
def test_reads_a_folder_its_parent_and_its_archive(tmp_path, layout):
    folder, batches = write_folder(tmp_path, layout)
    for path in (folder, tmp_path, str(tmp_path)):
        check(load(path), layout, batches)
    archive, batches = write_archive(tmp_path / "packed", layout, seed=1)
    check(load(archive), layout, batches)
    before = sorted(tmp_path.rglob("*"))
    check(load(archive.parent), layout, batches)        # a folder that holds the archive
    assert sorted(tmp_path.rglob("*")) == before         # nothing is unpacked


@pytest.mark.parametrize("layout", [PY10, PY100], ids=["10", "100"])
def test_reads_pickles_of_this_python(tmp_path, layout):
    folder, batches = write_folder(tmp_path, layout, python=3)
    check(load(folder), layout, batches)


def test_a_renamed_folder_is_read(tmp_path):
    folder, batches = write_folder(tmp_path, BIN10)
    check(load(folder.rename(tmp_path / "mine")), BIN10, batches)


def test_prefers_binary_and_cifar10_unless_asked_by_name(tmp_path):
    seeds = {layout: write_folder(tmp_path, layout, seed=i)[1] for i, layout in enumerate((PY100, BIN100, PY10, BIN10))}
    check(load(tmp_path), BIN10, seeds[BIN10])
    check(cifar.read(tmp_path, "cifar100"), BIN100, seeds[BIN100])
    (tmp_path / BIN10.folder / "data_batch_4.bin").unlink()     # a whole pickled set is preferred to an incomplete binary one
    check(load(tmp_path), PY10, seeds[PY10])


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 40), seed=st.integers(0, 2**32), which=st.sampled_from(list(LAYOUT.values())))
def test_any_number_of_images_in_a_file(tmp_path_factory, n, seed, which):
    folder, batches = write_folder(tmp_path_factory.mktemp("any"), which, n=n, seed=seed)
    check(cifar.read(folder), which, batches)


def test_without_names_the_classes_are_numbered(tmp_path):
    folder, _ = write_folder(tmp_path, BIN10)
    (folder / BIN10.meta).unlink()
    assert load(folder).classes[3] == "class 3"
    (folder / BIN10.meta).write_text("cat\ndog\n")
    with pytest.raises(DataError, match="batches.meta.txt: it must hold the names of 10 classes"):
        load(folder)


# ---- damaged files -------------------------------------------------------------------------------------------------------

def test_missing_empty_and_foreign_folders(tmp_path):
    with pytest.raises(DataError, match="does not exist: give a folder") as error:
        load(tmp_path / "nowhere")
    one_line(error)
    with pytest.raises(DataError, match="is empty: unpack"):
        load(tmp_path)
    (tmp_path / "train").mkdir()            # a folder of images with the name of a CIFAR-100 file
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match="does not hold CIFAR-10 or CIFAR-100"):
        load(tmp_path)


@each_layout
def test_a_missing_file(tmp_path, layout):
    folder, _ = write_folder(tmp_path, layout)
    (folder / layout.test).unlink()
    with pytest.raises(DataError, match=re.escape(f"{folder / layout.test} is missing")) as error:
        load(tmp_path)
    one_line(error)


@each_layout
@pytest.mark.parametrize("keep", [0, 1, 1000, -1])
def test_a_truncated_file(tmp_path, layout, keep):
    folder, _ = write_folder(tmp_path, layout)
    broken = folder / layout.train[-1]
    broken.write_bytes(broken.read_bytes()[:keep])
    with pytest.raises(DataError, match=re.escape(str(broken))) as error:
        load(folder)
    one_line(error)


def test_wrong_record_size(tmp_path):
    folder, _ = write_folder(tmp_path, BIN10)
    wide = contents(BIN100)[0]["train.bin"]
    (folder / "data_batch_2.bin").write_bytes(wide)
    with pytest.raises(DataError, match=r"data_batch_2.bin: it has \d+ bytes, not a whole number of records of 3073"):
        load(folder)


@each_layout
def test_labels_out_of_range(tmp_path, layout):
    folder, batches = write_folder(tmp_path, layout)
    file = layout.train[0]
    rows, fine, coarse = batches[file]
    fine[2] = layout.classes
    if layout.label_bytes:
        labels = [coarse, fine][-layout.label_bytes:]
        (folder / file).write_bytes(np.column_stack([*(y.astype(np.uint8) for y in labels), rows]).tobytes())
    else:
        (folder / file).write_bytes(py2_batch(layout, rows, fine, coarse))
    with pytest.raises(DataError, match=f"labels must be from 0 to {layout.classes - 1}, got {layout.classes} for image 2"):
        load(folder)


@pytest.mark.parametrize("change, message", [
    (lambda b: b.replace(b"data", b"atad"), "it has no 'data'"),
    (lambda b: b.replace(b"labels", b"LABELS"), "it has no 'labels'"),
    (lambda b: b.replace(b"M\x07\x00M\x00\x0c\x86", b"M\x00\x1cM\x03\x00\x86"), "must be a uint8 array"),     # (7168, 3)
    (lambda b: b.replace(b"U\x02u1", b"U\x02i1"), "must be a uint8 array"),
    (lambda b: b.replace(b"](K", b"](NK"), "its labels must be 7 integers"),
    (lambda b: b"\x80\x02]q\x01.", "must hold a dict, got list"),
    (lambda b: b"hello", "not a whole pickle"),
])
def test_pickles_that_are_not_batches(tmp_path, change, message):
    folder, _ = write_folder(tmp_path, PY10)
    before = (folder / "data_batch_1").read_bytes()
    after = change(before)
    assert after != before
    (folder / "data_batch_1").write_bytes(after)
    with pytest.raises(DataError, match=message) as error:
        load(folder)
    assert str(folder / "data_batch_1") in one_line(error)


@each_layout
def test_archives_that_are_cut_short_or_incomplete(tmp_path, layout):
    archive, _ = write_archive(tmp_path, layout)
    whole = archive.read_bytes()
    for keep in (0, 10, len(whole) // 2, len(whole) - 20):
        archive.write_bytes(whole[:keep])
        with pytest.raises(DataError, match="is not a whole .tar.gz|lacks|does not hold") as error:
            load(archive)
        one_line(error)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "unpacked" / layout.folder / layout.train[0], f"{layout.folder}/{layout.train[0]}")
    with pytest.raises(DataError, match="lacks"):
        load(archive)


def test_archives_that_hold_something_else(tmp_path):
    path = tmp_path / "other.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("cifar-10-batches-bin/readme.html"), io.BytesIO())
    with pytest.raises(DataError, match="does not hold CIFAR-10 or CIFAR-100"):
        load(path)
    link = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")       # a link out of the archive is not followed
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(link)
    with pytest.raises(DataError, match="does not hold"):
        load(path)
    archive, _ = write_archive(tmp_path, BIN10)
    with pytest.raises(DataError, match="does not hold CIFAR-100"):
        cifar.read(archive, "cifar100")
