"""Starts the governance service: `python -m aisle_governance`."""

import sys

from aisle_governance.main import main

sys.exit(main())
