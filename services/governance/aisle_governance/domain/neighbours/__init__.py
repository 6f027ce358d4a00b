"""Exports of other products, one record at a time: what each says in Aisle's canonical columns."""

from aisle_governance.domain.neighbours.records import RecordProblem, Row, rows_of

__all__ = ["RecordProblem", "Row", "rows_of"]
