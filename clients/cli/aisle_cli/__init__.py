"""aisle_cli."""
