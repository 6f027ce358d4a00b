"""Starts the registry: `python -m aisle_registry`."""

import sys

from aisle_registry.main import main

if __name__ == "__main__":
    sys.exit(main())
