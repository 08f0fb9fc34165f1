"""`python -m minisenet` is the command `minisenet`."""
import sys

from minisenet.cli import main

if __name__ == "__main__":
    sys.exit(main())
