"""The JSON of `minisenet course check` as the results file of Gradescope's autograder: a test for each function.

    minisenet course check . --json | python -m minisenet.course.gradescope > /autograder/results/results.json
"""
import json
import sys


def results(report):
    """The results as Gradescope reads them.

    Parameters
    ----------
    report : dict
        As `minisenet course check --json` prints it.

    Returns
    -------
    dict
        With `tests`: for each function its number, name, score, max_score, status and output.
    """
    tests = []
    for exercise in report["exercises"]:
        for position, one in enumerate(exercise["functions"], start=1):
            right = one["verdict"] == "right"
            instead = "".join(f"\nMarked with minisenet's exercise {number} in place of yours." for number in one["reference_for"])
            tests.append(dict(number=f"{int(exercise['number'])}.{position}", name=f"{exercise['title']}: {one['function']}",
                              score=one["points"], max_score=one["points_possible"], status="passed" if right else "failed",
                              output=(one["text"] or one["verdict"]) + instead))
    return dict(tests=tests)


if __name__ == "__main__":
    print(json.dumps(results(json.load(sys.stdin)), indent=2))
