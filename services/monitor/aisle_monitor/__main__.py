"""Starts the monitor: `python -m aisle_monitor`."""

import sys

from aisle_monitor.main import main

if __name__ == "__main__":
    sys.exit(main())
