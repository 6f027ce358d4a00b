"""Cell repair learned from a handful of labelled rows: formats, votes of other columns, typing errors."""
