"""`python -m aisle_cli` does what `aisle` does."""

from aisle_cli.main import main

main()
