"""The real command line in a process of its own, on shapes that are few enough for a test."""
import os
import subprocess
import sys

START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)        # a job in the background is born deaf to Ctrl-C
from minisenet import data
load = data.load
data.load = lambda name="auto": load("shapes", shapes_train=128, shapes_test=50) if name == "shapes" else load(name)
from minisenet.cli import main
sys.exit(main())
"""
SMALL = ["--data", "shapes", "--width", "2", "--reduction", "2", "--batch-size", "32", "--lr", "0.05", "--threads", "1"]


def start(*argv, cwd):
    """The process; both of its streams are pipes."""
    environment = os.environ | dict(MINISENET_DATA=str(cwd), HOME=str(cwd), COLUMNS="80")       # no CIFAR lies there
    return subprocess.Popen([sys.executable, "-W", "error", "-c", START, *map(str, argv)], cwd=cwd, env=environment,
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(*argv, cwd):
    """(exit status, standard output, standard error) of the whole process."""
    process = start(*argv, cwd=cwd)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err
