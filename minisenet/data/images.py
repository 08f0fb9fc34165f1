"""One image file as a network's input: resize, centre crop, normalise. It needs Pillow, of the extra [train]."""
import warnings
from functools import cache
from pathlib import Path

import numpy as np

from minisenet.data.dataset import DataError

MOST_PIXELS = 100_000_000       # a larger image is refused before it is decompressed


def read_image(path):
    """The image in a file, in red, green and blue.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    DataError
        A ValueError: if the file is missing, not an image, damaged, or has more than 100 million pixels.
    ImportError
        If Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError('images need Pillow: pip install "minisenet[train]"') from None
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:      # of large images, and of odd metadata
            if image.width * image.height > MOST_PIXELS:
                raise DataError(f"{path} must have at most {MOST_PIXELS:,} pixels, got {image.width} x {image.height}")
            return image.convert("RGB")
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"expected an image at {path}, found nothing") from None
    except Image.UnidentifiedImageError:
        raise DataError(f"{path} is not an image that Pillow can read") from None
    except Image.DecompressionBombError:
        raise DataError(f"{path} must have at most {MOST_PIXELS:,} pixels, got more") from None
    except Exception as error:              # Pillow's formats raise OSError, SyntaxError, ValueError and others
        raise DataError(f"{path} is damaged: {error}") from None


def prepare(image, *, size, resize, interpolation, mean, std, bgr=False):
    """The network's input for an image.

    Parameters
    ----------
    image : PIL.Image.Image
    size : int
        The side of the square that is cut out of the centre.
    resize : int
        The shorter side before that.
    interpolation : {"bilinear", "bicubic"}
        Pillow's, which averages all pixels under the window when it makes an image smaller.
    mean, std : sequence of float
        For red, green and blue in [0, 1].
    bgr : bool
        Whether the channels of the result are blue, green and red.

    Returns
    -------
    ndarray (size, size, 3) of float32

    Raises
    ------
    DataError
        If the image is so narrow that it would have more than 100 million pixels after the resize.
    """
    from PIL import Image
    shorter = min(image.size)
    width, height = (max(resize, int(resize * side / shorter)) for side in image.size)
    if width * height > MOST_PIXELS:
        raise DataError(f"the longer side must be at most {MOST_PIXELS // resize**2} times the shorter one, got {image.width} x {image.height} "
                        "pixels: crop the image")
    image = image.resize((width, height), Image.Resampling[interpolation.upper()])
    left, top = round((width - size) / 2), round((height - size) / 2)
    x = np.asarray(image.crop((left, top, left + size, top + size)), np.float32) / 255
    x = (x - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return np.ascontiguousarray(x[..., ::-1]) if bgr else x


@cache
def imagenet_classes():
    """The names of ImageNet's 1,000 classes, in the order of timm's and torchvision's weights: a tuple of str."""
    return tuple((Path(__file__).parent / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines())
