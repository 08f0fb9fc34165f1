"""Marks as text, no line longer than 80 characters, and as plain types for JSON."""
from minisenet.course.exercises import Exercise
from minisenet.course.marking import MISSING, NOT_CHECKED, NOT_STARTED, RIGHT

HEADING = f"{'exercise':25}{'points':>9}  {'verdict':12}  mistake"


def row(mark):
    """A line of the table."""
    points = f"{mark.points:g} / {mark.exercise.points}"
    mend = f"mend {', '.join(other.number for other in mark.mend_first)} first" if mark.mend_first else ""
    return f"{_name(mark.exercise):25}{points:>9}  {mark.verdict:12}  {mend or mark.mistake or ''}"[:80].rstrip()


def details(mark):
    """Yield the lines that explain an exercise that is not right: for each function the smallest failing case."""
    for one in mark.functions:
        if one.verdict in (RIGHT, NOT_STARTED) or not one.text:
            continue
        title = f"{_name(mark.exercise)}: {one.function}"
        yield from ("", title, "-" * len(title), *one.text.splitlines())
        if one.verdict in (MISSING, NOT_CHECKED):
            continue
        for other in mark.mend_first:
            yield f"It uses {other.file}, which is not right yet: mend that first."


def total(marks):
    """The last line."""
    earned, possible = sum(mark.points for mark in marks), sum(mark.exercise.points for mark in marks)
    right = sum(mark.verdict == RIGHT for mark in marks)
    text = f"{earned:g} of {possible} points, {right} of {len(marks)} exercise{'s' * (len(marks) != 1)} right"
    not_checked = sum(mark.exercise.points for mark in marks if mark.verdict == NOT_CHECKED)
    return text + f", {not_checked} points not checked" * bool(not_checked)


def passed(marks):
    """Whether all that was asked for is right."""
    return all(mark.verdict == RIGHT for mark in marks)


def to_dict(marks):
    """Plain types for `json.dumps`; docs/lecturers.md says what each is."""
    return dict(points=sum(mark.points for mark in marks), points_possible=sum(mark.exercise.points for mark in marks),
                passed=passed(marks), exercises=[_exercise(mark) for mark in marks])


def _exercise(mark):
    each = mark.exercise.points_each
    functions = [dict(function=one.function, verdict=one.verdict, points=each * (one.verdict == RIGHT), points_possible=each,
                      mistake=one.mistake, text=one.text, details=one.details) for one in mark.functions]
    of = mark.exercise
    return dict(number=of.number, name=of.name, title=of.title, file=of.file, verdict=mark.verdict, points=mark.points,
                points_possible=of.points, mistake=mark.mistake, mend_first=[other.number for other in mark.mend_first],
                functions=functions)


def _name(exercise: Exercise):
    return f"{exercise.number} {exercise.title}"
