"""`minisenet course start`: the exercises as files, in a folder where nothing was before."""
from pathlib import Path

from minisenet.course import files
from minisenet.course.exercises import EXERCISES


def start(folder, *, solutions=False):
    """Write the course kit.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there. One that holds anything is refused: nobody's work is ever overwritten.
    solutions : bool
        Write the package's own bodies instead of stubs.

    Returns
    -------
    list of Path
        The files, in the paper's order, and README.md.

    Raises
    ------
    FileExistsError
        Where `folder` is a file, or holds anything.
    OSError
        Where the folder cannot be written to.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; `course start` takes a folder that is new or empty")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty, and nothing in it is touched; `course start` takes a folder that is "
                              "new or empty")
    text = files.solution if solutions else files.stub
    content = {exercise.file: text(exercise) for exercise in EXERCISES} | {"README.md": files.readme()}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content_of in content.items():
        path = folder / name
        with open(path, "x", encoding="utf-8") as file:                       # "x": even now, never over another file
            file.write(content_of)
        written.append(path)
    return written
