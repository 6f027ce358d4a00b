"""Starts the tuner: `python -m aisle_tuner`."""

import sys

from aisle_tuner.main import main

if __name__ == "__main__":
    sys.exit(main())
