"""`minisenet course check`: check each function of a folder, and give it points."""
import ast
import multiprocessing
import re
import signal
import tempfile
import textwrap
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from minisenet import checker
from minisenet.course import kernel, references
from minisenet.course.exercises import EXERCISES, Exercise

RIGHT, PARTLY, WRONG, NOT_AS_ASKED, NOT_STARTED, MISSING, NOT_CHECKED = (
    "right", "partly right", "wrong", "not as asked", "not started", "missing", "not checked")


@dataclass(frozen=True)
class FunctionMark:
    """One function.

    Attributes
    ----------
    function : str
    verdict : str
        "right", "wrong", "not as asked", "not started", "missing" or "not checked".
    mistake : str or None
        The likely mistake by name.
    text : str
        What to show, no line longer than 80 characters.
    details : dict or None
        The checker's whole verdict in plain types, where it was asked.
    reference_for : tuple of Exercise
        The earlier exercises that are not right, and for which the reference was used.
    """

    function: str
    verdict: str
    mistake: str | None = None
    text: str = ""
    details: dict | None = None
    reference_for: tuple = ()


@dataclass(frozen=True)
class Mark:
    """One exercise and the marks of its functions."""

    exercise: Exercise
    functions: tuple

    @property
    def verdict(self):
        """One verdict for all functions; "partly right" if they differ and one is right."""
        verdicts = [one.verdict for one in self.functions]
        if len(set(verdicts)) == 1:
            return verdicts[0]
        return PARTLY if RIGHT in verdicts else WRONG

    @property
    def points(self):
        """Earned."""
        return self.exercise.points_each * sum(one.verdict == RIGHT for one in self.functions)

    @property
    def mistake(self):
        """The first that has a name, or None."""
        return next((one.mistake for one in self.functions if one.mistake), None)

    @property
    def reference_for(self):
        """The earlier exercises for which the reference was used, for any of the functions."""
        used = {other.number: other for one in self.functions for other in one.reference_for}
        return tuple(used[number] for number in sorted(used))


def mark(folder, exercises=EXERCISES, *, processes=1):
    """Mark exercises, and yield a Mark for each, in their order, as soon as it is known.

    Parameters
    ----------
    folder : str or Path
        With the files that `course start` wrote.
    exercises : sequence of Exercise
    processes : int
        How many functions to check at a time. More than one are checked in the processes of a pool.

    Raises
    ------
    ImportError
        If Hypothesis, which the checker needs, is not installed.
    """
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _deaf) if processes > 1 else None
    marking = _Marking(Path(folder).resolve(), pool)
    try:
        for exercise in exercises:
            marking.begin(exercise)
        for exercise in exercises:
            yield marking.mark(exercise)
    finally:
        if pool:
            pool.shutdown(cancel_futures=True)


class _Marking:
    """The marks of a folder, each made once. A wrong function is marked again, with the reference for what is wrong in earlier files."""

    def __init__(self, folder, pool):
        self.folder, self.pool = folder, pool
        self.waiting, self.marks = {}, {}

    def begin(self, exercise):
        """Begin to mark the functions of an exercise."""
        self.waiting[exercise] = [_begin(self.pool, self.folder, exercise, name) for name in exercise.functions]

    def mark(self, exercise):
        """The Mark, as soon as it is known."""
        if exercise not in self.marks:
            if exercise not in self.waiting:
                self.begin(exercise)                            # it was not asked for, but a later file imports it
            functions = tuple(function() for function in self.waiting[exercise])
            wrong = self._wrong_earlier(exercise) if WRONG in [one.verdict for one in functions] else {}
            if wrong:
                functions = self._with_references(exercise, functions, wrong)
            self.marks[exercise] = Mark(exercise, functions)
        return self.marks[exercise]

    def _wrong_earlier(self, exercise):
        """Exercise -> functions that are not right, of the files that this one imports, directly or through others."""
        earlier, waiting = [], [exercise]
        while waiting:
            used = _imports(self.folder / waiting.pop().file)
            new = [other for other in EXERCISES if other.module in used and other not in (exercise, *earlier)]
            earlier += new
            waiting += new
        wrong = {other: [one.function for one in self.mark(other).functions if one.verdict != RIGHT]
                 for other in EXERCISES if other in earlier and other.number < exercise.number}
        return {other: names for other, names in wrong.items() if names}

    def _with_references(self, exercise, functions, wrong):
        """Mark what is wrong once more, in a copy of the folder."""
        with tempfile.TemporaryDirectory() as place:
            references.fill(Path(place), self.folder, wrong)
            again = [_begin(self.pool, Path(place), exercise, one.function) if one.verdict == WRONG else None for one in functions]
            return tuple(one if new is None else replace(new(), reference_for=tuple(wrong)) for one, new in zip(functions, again))


def _deaf():
    """Ignore Ctrl-C: the process that started the pool handles it, and prints one line instead of one for each worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _begin(pool, folder, exercise, name):
    """Begin to mark a function; a callable that waits for its mark."""
    early = _without_running(folder / exercise.file, exercise, name)
    if early:
        return lambda: early
    if pool:
        return pool.submit(mark_function, folder, exercise, name).result
    return lambda: mark_function(folder, exercise, name)


def mark_function(folder, exercise, name):
    """Check one function.

    Parameters
    ----------
    folder : Path
    exercise : Exercise
    name : str
        Of the function.

    Returns
    -------
    FunctionMark
    """
    path = folder / exercise.file
    if exercise.suffix == ".py":
        return _marked(name, checker.check_file(f"{path}:{name}", like=name))
    with tempfile.TemporaryDirectory() as place:
        try:
            built = kernel.build(path, Path(place))
        except kernel.NoTools as reason:
            return FunctionMark(name, NOT_CHECKED, text=str(reason))
        except kernel.NotCompiled as error:
            return FunctionMark(name, WRONG, "does not compile", str(error))
        memory = kernel.memory_fault(built)
        verdict = checker.check_file(f"{built}:{name}", like=name)
        if memory:
            verdict.named = memory
        one = _marked(name, verdict)
        if one.verdict == WRONG:
            return one
        fault = kernel.float32_fault(built, name)
        if fault:
            return replace(one, verdict=WRONG, mistake="float32", text=_filled(f"With float64 it is right; {fault}."))
        found = kernel.not_as_asked(path.read_text(encoding="utf-8", errors="replace"), name)
        return replace(one, verdict=NOT_AS_ASKED, mistake=found[0], text=_filled(found[1])) if found else one


def _filled(text):
    return "\n".join(textwrap.fill(line, 80) for line in text.splitlines())


def _marked(name, verdict):
    return FunctionMark(name, RIGHT if verdict.passed else WRONG, verdict.mistake, str(verdict), verdict.to_dict())


def _without_running(path, exercise, name):
    """The mark that follows from the text alone, if the file or function is missing or not started; otherwise None."""
    if not path.is_file():
        return FunctionMark(name, MISSING, text=f"there is no {path.name} in {path.parent.name}")
    text = path.read_text(encoding="utf-8", errors="replace")
    if not re.search(rf"\b{name}\b", text):
        return FunctionMark(name, MISSING, text=f"{path.name} has no function {name}")
    if exercise.suffix == ".py":
        stub = _is_stub(path, name)
    else:
        stub = kernel.is_stub(text)
    return FunctionMark(name, NOT_STARTED) if stub else None


def _is_stub(path, name):
    """Whether the function, apart from its docstring, only raises NotImplementedError."""
    try:
        tree = ast.parse(path.read_bytes())         # bytes: the encoding is the file's own
    except (SyntaxError, ValueError):
        return False                                            # the checker reports what is wrong with it
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            body = node.body[ast.get_docstring(node) is not None:]
            return len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.unparse(body[0])
    return False


def _imports(path):
    """The modules that a file imports; none if it cannot be parsed."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, FileNotFoundError):
        return set()
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
