"""The course kit: exercises in the paper's order, made from the package's own source, and their marks.

    minisenet course start answers                  # writes the stubs
    minisenet course check answers                  # marks them

    exercises     the table of exercises and points
    source        a function of the package as text
    files         an exercise's file, as a stub and as a solution
    reading       an exercise's derivation, cut out of docs/
    start         writes the folder
    marking       checks each function and gives it points
    references    the reference in place of what is wrong in earlier exercises
    kernel        compiles and judges the Cython exercise
    report        marks as text and as JSON
    gradescope    that JSON as an autograder's results file
"""
from minisenet.course.exercises import EXERCISES, select
from minisenet.course.marking import mark
from minisenet.course.start import start

__all__ = ["EXERCISES", "mark", "select", "start"]
