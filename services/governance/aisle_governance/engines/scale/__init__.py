"""Governs tables that memory does not hold: the same rules over batches, with keys brought together by DuckDB or Ray."""
