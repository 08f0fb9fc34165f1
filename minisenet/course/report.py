"""Marks as text, no line longer than 80 characters, and as plain types for JSON."""
from minisenet.course.exercises import Exercise
from minisenet.course.marking import NOT_CHECKED, NOT_STARTED, RIGHT

HEADING = f"{'exercise':25}{'points':>9}  {'verdict':12}  mistake"


def row(mark):
    """A line of the table."""
    points = f"{mark.points:g} / {mark.exercise.points}"
    numbers = _and(_numbers(mark))
    remark = mark.mistake or (f"(with minisenet's {numbers})" if numbers else "")
    return f"{_name(mark.exercise):25}{points:>9}  {mark.verdict:12}  {remark}"[:80].rstrip()


def details(mark):
    """Yield the lines that explain an exercise that is not right: for each function the smallest failing case."""
    same = {}                                           # a file that cannot be read is one mistake, not one for each function
    for one in mark.functions:
        if one.verdict not in (RIGHT, NOT_STARTED):
            same.setdefault(one.text.replace(one.function, ""), []).append(one)
    for ones in same.values():
        title = f"{_name(mark.exercise)}: {', '.join(one.function for one in ones)}"
        yield from ("", title, "-" * len(title))
        for other in ones[0].reference_for:
            yield f"Marked with minisenet's {_name(other)}, because yours is not right yet."
        yield from ones[0].text.splitlines()


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
                      mistake=one.mistake, text=one.text, details=one.details, reference_for=_numbers(one)) for one in mark.functions]
    of = mark.exercise
    return dict(number=of.number, name=of.name, title=of.title, file=of.file, verdict=mark.verdict, points=mark.points,
                points_possible=of.points, mistake=mark.mistake, reference_for=_numbers(mark),
                functions=functions)


def _numbers(mark):
    return [other.number for other in mark.reference_for]


def _and(words):
    return " and ".join([", ".join(words[:-1])] * (len(words) > 1) + words[-1:])


def _name(exercise: Exercise):
    return f"{exercise.number} {exercise.title}"
