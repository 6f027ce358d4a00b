"""aisle_runtime."""
