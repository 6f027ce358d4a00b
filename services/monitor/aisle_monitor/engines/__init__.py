"""Workshop: the span store and what reads rows from governance; imported when needed."""
