"""`python -m refopt`."""

import sys

from refopt.cli import main

if __name__ == "__main__":
    sys.exit(main())
