"""The rule chain of user events at ten million rows."""
