"""`minisenet predict` and `minisenet export`: images of a run and of another program's weights, bad images, and the way out."""
import json

import numpy as np
import pytest

from minisenet import fit, models
from minisenet.cli import main
from minisenet.data import DataError
from minisenet.data.images import imagenet_classes, prepare, read_image
from minisenet.data.shapes import shapes
from minisenet.models.weights import export_weights, load_weights
from minisenet.models.weights.sources import CAFFE

from .live import installed

Image = pytest.importorskip("PIL.Image")
safetensors = pytest.importorskip("safetensors.numpy")
pytestmark = pytest.mark.section_7


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of a small network, and its test images as files."""
    folder = tmp_path_factory.mktemp("predict")
    data = shapes(train=64, test=20)
    model = models.create("se_resnet20", width=4, reduction=2)
    fit(model, data, epochs=1, batch_size=32, progress=False, out=folder / "run")
    for i in range(3):
        Image.fromarray(data.test_images[i]).save(folder / f"{i}.png")
    return folder, data


def predicted(capsys, *argv):
    status = main(["predict", *map(str, argv)])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_run_says_what_its_evaluation_says(run, capsys):
    folder, data = run
    status, out, err = predicted(capsys, *(folder / f"{i}.png" for i in range(3)), "--model", folder / "run", "--json", "--top", 10)
    assert (status, err) == (0, "")
    model = models.create("se_resnet20", width=4, reduction=2)
    model.load_state_dict(safetensors.load_file(folder / "run" / "best.safetensors"))
    x = (data.test_images[:3] / np.float32(255) - np.asarray(data.mean, np.float32)) / np.asarray(data.std, np.float32)
    logits = model.eval()(x.astype(np.float32))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    for i, result in enumerate(json.loads(out)):
        rows = result["classes"]
        assert [row["index"] for row in rows] == np.argsort(-p[i], kind="stable").tolist()
        assert [row["class"] for row in rows] == [data.classes[row["index"]] for row in rows]
        assert np.allclose([row["probability"] for row in rows], np.sort(p[i])[::-1], rtol=1e-4)


def test_the_text_and_the_gates(run, capsys):
    folder, data = run
    status, out, err = predicted(capsys, folder / "0.png", folder / "1.png", "--model", folder / "run", "--gates", folder / "g.png")
    assert (status, err) == (0, "") and len(out.splitlines()) == 12
    assert out.splitlines()[0] == str(folder / "0.png") and "%  " in out.splitlines()[1]
    (folder / "other").mkdir()
    (folder / "other" / "0.png").write_bytes((folder / "1.png").read_bytes())
    assert predicted(capsys, folder / "0.png", folder / "other" / "0.png", "--model", folder / "run", "--gates", folder / "h.png")[0] == 0
    with Image.open(folder / "g.png") as one, Image.open(folder / "h.png") as two:          # equal names are two lines all the same
        top = one.height * 3 // 4
        assert np.array_equal(*(np.asarray(picture.convert("RGB"))[:top] for picture in (one, two)))
    with Image.open(folder / "g.png") as picture:
        assert picture.width > 800 and len(picture.convert("RGB").getcolors(1 << 24)) > 50


def test_bad_images_are_named_and_the_others_are_classified(run, capsys, tmp_path):
    folder, _ = run
    whole = (folder / "0.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:len(whole) // 2])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    names = ("cut", "text", "empty", "bomb", "missing")
    status, out, err = predicted(capsys, *(tmp_path / f"{name}.png" for name in names), folder / "0.png", "--model", folder / "run")
    assert status == 1 and out.startswith(str(folder / "0.png"))
    lines = err.splitlines()
    assert len(lines) == 5 and all(line.startswith("minisenet: error: ") for line in lines)
    for line, words in zip(lines, ("is damaged", "is not an image", "is not an image", "at most 100,000,000 pixels", "found nothing")):
        assert words in line


def test_weights_of_torchvision(capsys, tmp_path):
    """With the last layer's biases alone, so that the answer is known."""
    model = models.create("resnet18", stem_pool="padded")
    model.fc.weight.value[...] = 0
    model.fc.bias.value[[1, 0, 207]] = 9, 8, 7
    safetensors.save_file(export_weights(model, "torchvision")[1], tmp_path / "w.safetensors")
    Image.new("RGB", (300, 200), "red").save(tmp_path / "a.jpg")
    status, out, _ = predicted(capsys, tmp_path / "a.jpg", "--model", "resnet18", "--weights", tmp_path / "w.safetensors", "--source", "torchvision",
                               "--top", 3)
    assert status == 0 and [line[11:] for line in out.splitlines()[1:]] == ["goldfish", "tench", "golden retriever"]
    status, _, err = predicted(capsys, tmp_path / "a.jpg", "--model", "resnet18", "--weights", tmp_path / "w.safetensors", "--source", "torchvision",
                               "--gates", tmp_path / "g.png")
    assert status == 1 and "resnet18, which has no SE blocks" in err


def test_preprocessing_keeps_the_centre_and_the_colours():
    picture = np.zeros((512, 1024, 3), np.uint8)
    picture[:, 512 - 224:512 + 224] = (255, 0, 51)
    x = prepare(Image.fromarray(picture), size=224, resize=256, interpolation="bilinear", mean=(0.5, 0.5, 0.0), std=(0.5, 0.5, 0.2))
    assert x.shape == (224, 224, 3) and x.dtype == np.float32
    assert np.allclose(x[:, 4:-4], (1, -1, 1), atol=1e-5)


def test_the_authors_preprocessing():
    """Blue, green and red from 0 to 255, less 104, 117 and 123."""
    x = prepare(Image.new("RGB", (9, 9), (200, 20, 3)), size=4, resize=4, interpolation="bilinear", **CAFFE)
    assert np.allclose(x, (3 - 104, 20 - 117, 200 - 123), atol=1e-4) and x.flags.c_contiguous


def test_large_images_are_read_without_a_warning(tmp_path):
    """Pillow warns from 89 million pixels on. The limit is ours."""
    Image.new("1", (9_500, 9_500)).save(tmp_path / "large.png")
    assert read_image(tmp_path / "large.png").size == (9_500, 9_500)


def test_a_ribbon_is_not_made_huge(tmp_path):
    """20,000 pixels, which would be five milliard after the resize."""
    Image.new("RGB", (1, 20_000)).save(tmp_path / "ribbon.png")
    with pytest.raises(DataError, match="the longer side must be at most 1525 times the shorter one, got 1 x 20000 pixels"):
        prepare(read_image(tmp_path / "ribbon.png"), size=224, resize=256, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.slow                                           # CI has torchvision where it runs the slow tests
def test_preprocessing_is_torchvisions():
    """The same pixels as torchvision's transforms, which timm uses too, for odd sizes and both interpolations."""
    if not installed():
        pytest.skip("timm and torchvision are not installed")
    from torchvision.transforms import v2
    rng = np.random.default_rng(0)
    for (width, height), resize, interpolation in (((301, 447), 256, "bilinear"), ((640, 333), 235, "bicubic"), ((100, 90), 256, "bicubic")):
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        wanted = v2.CenterCrop(224)(v2.Resize(resize, v2.InterpolationMode(interpolation))(image))
        x = prepare(image, size=224, resize=resize, interpolation=interpolation, mean=(0, 0, 0), std=(1, 1, 1))
        assert np.array_equal(x, np.asarray(wanted, np.float32) / 255)


def test_grey_palettes_and_transparency_are_colours(tmp_path):
    for mode, colour in (("L", 7), ("P", 3), ("RGBA", (1, 2, 3, 4)), ("CMYK", (1, 2, 3, 4)), ("I;16", 9)):
        path = tmp_path / f"{mode.replace(';', '')}.{'jpg' if mode == 'CMYK' else 'png'}"
        Image.new(mode, (4, 5), colour).save(path)
        assert read_image(path).mode == "RGB" and read_image(path).size == (4, 5)


def test_imagenets_classes():
    names = imagenet_classes()
    assert len(names) == len(set(names)) == 1000 and names[1] == "goldfish" and names[207] == "golden retriever"


# ---- export ------------------------------------------------------------------------------------------------------------

def test_export_and_back(tmp_path, capsys):
    data = shapes(train=16, test=10)
    model = models.create("resnet18", 10, stem_pool="padded")
    fit(model, data, epochs=1, batch_size=8, progress=False, out=tmp_path / "run")
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "w.safetensors"), "--to", "torchvision"]) == 0
    assert "as resnet18 of torchvision, 122 tensors" in capsys.readouterr().out
    again = load_weights("resnet18", tmp_path / "w.safetensors", source="torchvision")
    best = safetensors.load_file(tmp_path / "run" / "best.safetensors")
    assert all(np.array_equal(value, best[name]) for name, value in again.state_dict().items())
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "w.onnx"), "--to", "torchvision"]) == 1
    assert "FILE must end with .safetensors, got w.onnx" in capsys.readouterr().err


def test_a_cifar_network_cannot_be_exported(run, capsys, tmp_path):
    folder, _ = run
    assert main(["export", str(folder / "run"), str(tmp_path / "w.safetensors"), "--to", "timm"]) == 1
    assert "senet154 for timm, got se_resnet20" in capsys.readouterr().err
