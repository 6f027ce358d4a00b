"""The registry's tables and the statements over them."""
