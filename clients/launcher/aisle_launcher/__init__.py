"""aisle_launcher."""
