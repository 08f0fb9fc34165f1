"""`minisenet course start`: the exercises as files, in a new or empty folder."""
from pathlib import Path

from minisenet.course import files, reading
from minisenet.course.exercises import EXERCISES


def start(folder, *, solutions=False):
    """Write the course kit.

    Parameters
    ----------
    folder : str or Path
        It must be new or empty, so no work is ever overwritten.
    solutions : bool
        Whether to write the package's own bodies instead of stubs.

    Returns
    -------
    list of Path
        The files in the paper's order, their derivations where minisenet's pages are installed, and README.md.

    Raises
    ------
    FileExistsError
        Where `folder` is a file, or holds anything.
    OSError
        Where the folder cannot be written to.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"DIR must be a new or empty folder, got the file {folder}")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"DIR must be a new or empty folder, got {folder}, which has files; they are unchanged")
    text = files.solution if solutions else files.stub
    content = {exercise.file: text(exercise) for exercise in EXERCISES}
    content |= {exercise.reading: derivation for exercise in EXERCISES if (derivation := reading.text(exercise))}
    content["README.md"] = files.readme()
    written = []
    for name, content_of in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:                       # "x": even now, never over another file
            file.write(content_of)
        written.append(path)
    return written
