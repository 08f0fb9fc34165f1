"""PyTorch's files, read without PyTorch: its own files where it is installed, hostile pickles, and damage of every kind."""
import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minisenet.models.weights import WeightsError
from minisenet.models.weights.torch_file import read

pytestmark = pytest.mark.section_5


class Named:
    """Pickles as a reference to a global of any module, which need not exist."""

    def __init__(self, module, name, *arguments):
        self.reference, self.arguments = f"c{module}\n{name}\n".encode(), arguments


class Pickler:
    """A pickle by hand: dicts, numbers, text, tuples, globals, calls and persistent ids; no PyTorch is needed to write one."""

    def __init__(self):
        self.out = io.BytesIO()

    def add(self, value):
        write = self.out.write
        if isinstance(value, Named):
            write(value.reference)
            if value.arguments:
                self.add(value.arguments)
                write(b"R")
        elif isinstance(value, Storage):
            self.add(("storage", Named("torch", value.kind), value.key, "cpu", value.count))
            write(b"Q")
        elif isinstance(value, dict):
            write(b"}")
            for key, each in value.items():
                self.add(key), self.add(each), write(b"s")
        elif isinstance(value, tuple):
            write(b"(")
            for each in value:
                self.add(each)
            write(b"t")
        else:
            write(pickle.dumps(value, 2)[2:-1])

    def bytes(self, value):
        self.add(value)
        return b"\x80\x02" + self.out.getvalue() + b"."


class Storage:
    def __init__(self, key, count, kind="FloatStorage"):
        self.key, self.count, self.kind = key, count, kind


def tensor(storage, offset, shape, strides):
    return Named("torch._utils", "_rebuild_tensor_v2", storage, offset, shape, strides, False, {})


def archive(described, storages, compression=zipfile.ZIP_STORED, **records):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("archive/data.pkl", Pickler().bytes(described))
        for key, numbers in storages.items():
            file.writestr(f"archive/data/{key}", numbers.tobytes())
        for name, content in records.items():
            file.writestr(f"archive/{name}", content)
    return buffer.getvalue()


NUMBERS = np.arange(12, dtype="<f4")
GOOD = archive(dict(w=tensor(Storage("0", 12), 2, (2, 3), (3, 1)), t=tensor(Storage("0", 12), 0, (3, 2), (1, 3)), n=7), {"0": NUMBERS})


# the same in the format before PyTorch 1.6: a number, the version, the machine, the state, the keys; then count and numbers of each key
OLD = b"".join([pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps(dict(little_endian=True), 2),
                Pickler().bytes(dict(w=tensor(Storage("0", 12), 2, (2, 3), (3, 1)), t=tensor(Storage("0", 12), 0, (3, 2), (1, 3)))),
                pickle.dumps(["0"], 2), (12).to_bytes(8, "little"), NUMBERS.tobytes()])


@pytest.mark.parametrize("content", [GOOD, OLD], ids=["zip", "before 1.6"])
def test_tensors_that_share_a_storage(content, tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    found = read(path)
    assert found.keys() == {"w", "t"}                       # 7 is not a tensor
    assert np.array_equal(found["w"], NUMBERS[2:8].reshape(2, 3)) and np.array_equal(found["t"], NUMBERS[:6].reshape(2, 3).T)
    assert found["w"].flags.writeable and found["w"].base is None


@pytest.mark.parametrize("outer", ["state_dict", "model"])
def test_a_dict_inside_another(outer, tmp_path):
    (tmp_path / "a.pth").write_bytes(archive({outer: dict(w=tensor(Storage("0", 12), 0, (12,), (1,))), "epoch": 3}, {"0": NUMBERS}))
    assert read(tmp_path / "a.pth")["w"].tolist() == NUMBERS.tolist()


def test_half_and_bfloat16(tmp_path):
    values = np.array([1, -2.5, 0.15625], np.float32)
    described = dict(h=tensor(Storage("0", 3, "HalfStorage"), 0, (3,), (1,)), b=tensor(Storage("1", 3, "BFloat16Storage"), 0, (3,), (1,)))
    (tmp_path / "a.pth").write_bytes(archive(described, {"0": values.astype("<f2"), "1": (values.view(np.uint32) >> 16).astype("<u2")}))
    found = read(tmp_path / "a.pth")
    assert all(value.dtype == np.float32 and np.array_equal(value, values) for value in found.values())


def test_a_damaged_table_of_contents_is_one_line(tmp_path):
    """The zip's offset of a record, set to the largest number: the operating system refuses to go there."""
    start = GOOD.index(b"PK\x01\x02") + 42
    for offset in (b"\xff\xff\xff\x7f", b"\xf0\xff\xff\xff"):
        (tmp_path / "a.pth").write_bytes(GOOD[:start] + offset + GOOD[start + 4:])
        with pytest.raises(WeightsError, match="is damaged, or not a file of PyTorch"):
            read(tmp_path / "a.pth")
    end = GOOD.index(b"PK\x05\x06") + 16                               # a wrong start of the table: offsets become negative
    (tmp_path / "a.pth").write_bytes(GOOD[:end] + b"\xff\xff\x00\x00" + GOOD[end + 4:])
    with pytest.raises(WeightsError, match="is damaged, or not a file of PyTorch"):
        read(tmp_path / "a.pth")


def test_a_memo_index_does_not_cost_memory(tmp_path):
    """LONG_BINPUT with the largest index: the unpickler in C would allocate 64 GiB for it."""
    content = Pickler().bytes(dict(w=tensor(Storage("0", 12), 0, (12,), (1,))))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", content[:2] + b"Nr\xff\xff\xff\xff0" + content[2:])
        file.writestr("archive/data/0", NUMBERS.tobytes())
    (tmp_path / "a.pth").write_bytes(buffer.getvalue())
    assert read(tmp_path / "a.pth")["w"].tolist() == NUMBERS.tolist()


@pytest.mark.parametrize("described, message", [
    (dict(w=Named("os", "system", "touch hacked")), "it names os.system, which no state dict does"),
    (dict(w=Named("builtins", "eval", "1")), "it names builtins.eval"),
    (Named("torchvision.models.resnet", "ResNet"), "in PyTorch, save model.state_dict\\(\\)"),
    (dict(w=1), "it must hold a state dict"), ((1, 2), "it must hold a state dict"),
    (dict(w=tensor(Storage("0", 12), 0, (13,), (1,))), "larger than its storage"),
    (dict(w=tensor(Storage("0", 12), 0, (10 ** 6, 10 ** 6), (0, 0))), "larger than its storage"),
    (dict(w=tensor(Storage("0", 12), -1, (2,), (1,))), "a tensor that cannot exist"),
    (dict(w=tensor(Storage("0", 12), 0, (2,), (-1,))), "a tensor that cannot exist"),
    (dict(w=tensor(Storage("0", 99), 0, (2,), (1,))), "it ends too early"),
    (dict(w=tensor(Storage("9", 12), 0, (2,), (1,))), "is damaged"),
    (dict(w=tensor(7, 0, (2,), (1,))), "a tensor that cannot exist")])
def test_what_is_refused(described, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pth").write_bytes(archive(described, {"0": NUMBERS}))
    with pytest.raises(WeightsError, match=message) as caught:
        read(tmp_path / "a.pth")
    assert str(tmp_path / "a.pth") in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("content, message", [
    (b"", "is damaged, or not a file of PyTorch"), (b"PK", "is damaged"), (b"<html>", "is damaged"),
    (pickle.dumps(3), "it is not a file of PyTorch"),
    (archive(dict(w=tensor(Storage("0", 12), 0, (12,), (1,))), {"0": NUMBERS}, zipfile.ZIP_DEFLATED), "it is compressed"),
    (archive(dict(w=tensor(Storage("0", 12), 0, (12,), (1,))), {"0": NUMBERS}, byteorder="big"), "a big-endian machine")])
def test_other_files(content, message, tmp_path):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read(tmp_path / "a.pth")


@given(st.sampled_from([GOOD, OLD]), st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.booleans())
@settings(deadline=None, max_examples=300)
def test_damage_is_one_line_or_other_numbers(whole, position, value, cut):
    """A byte that is changed, or an end that is cut off: never anything but a WeightsError, or arrays."""
    position %= len(whole)
    content = whole[:position] if cut else whole[:position] + bytes([value]) + whole[position + 1:]
    path = io.BytesIO(content)

    import minisenet.models.weights.torch_file as torch_file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_file, "open", lambda *_: path, raising=False)
        try:
            found = read("a.pth")
        except WeightsError as error:
            assert "\n" not in str(error)
        else:
            assert all(isinstance(value, np.ndarray) for value in found.values())


@pytest.mark.parametrize("new", [True, False])
def test_pytorchs_own_files(new, tmp_path):
    torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "minisenet[torch]"')
    generator = torch.Generator().manual_seed(0)
    whole = torch.randn(4, 6, generator=generator)
    state = dict(a=whole, view=whole[1:3, ::2], turned=whole.T, long=torch.arange(5), flag=torch.tensor([True, False]), zero=torch.zeros(0, 3),
                 half=whole.half(), bfloat=whole.bfloat16(), double=whole.double(), one=torch.tensor(3),
                 parameter=torch.nn.Parameter(whole.clone()))
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=new)
    found = read(tmp_path / "a.pth")
    assert found.keys() == state.keys()
    for name, value in state.items():
        wanted = value.detach().float() if name in ("half", "bfloat") else value.detach()
        assert np.array_equal(found[name], wanted.numpy()), name
