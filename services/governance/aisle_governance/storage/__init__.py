"""What governance keeps in its database."""
