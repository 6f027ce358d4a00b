"""Starts the trainer: `python -m aisle_trainer`."""

import sys

from aisle_trainer.main import main

if __name__ == "__main__":
    sys.exit(main())
