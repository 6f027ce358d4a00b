"""Starts the ranker: `python -m aisle_ranker`."""

import sys

from aisle_ranker.main import main

if __name__ == "__main__":
    sys.exit(main())
