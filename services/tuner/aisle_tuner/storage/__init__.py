"""The tuner's tables and the statements over them."""
