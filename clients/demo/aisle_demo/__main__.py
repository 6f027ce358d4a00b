"""`python -m aisle_demo`: run the demo."""

import sys

from aisle_demo.main import main

if __name__ == "__main__":
    sys.exit(main())
