"""Reads JSON lines that another product wrote, and makes rows with canonical columns out of each record."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from aisle_governance.domain.kinds import CANONICAL
from aisle_governance.domain.neighbours import RecordProblem, rows_of
from aisle_governance.engines.decode import Budget, check_encoding, lines, members
from aisle_governance.engines.readers import BATCH_ROWS, Batch, Refused, Source, cell_text, refuse_constant

MAX_ROWS_PER_RECORD = 10_000


class RecordReader:
    """One record gives no row (it is of another kind), one, or several that share a line."""

    def __init__(self, source: Source, budget: Budget) -> None:
        """Prepare."""
        self._source, self._budget = source, budget
        self.dialect = replace(source.dialect, encoding=check_encoding(source.dialect.encoding, "dialect.encoding"))
        self.skipped = 0
        """Records that say nothing about the dataset's kind."""
        self._names = [column.name for column in CANONICAL[source.kind]]

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in order; the last column of the header is the whole record."""
        header = [*self._names, ""]
        for member in members(self._source.path, self._budget):
            batch = Batch(header, member=member.label)
            for number, text in enumerate(lines(member, self.dialect.encoding, self._budget), start=1):
                if text.strip():
                    self._record(batch, number, text)
                if len(batch.rows) >= BATCH_ROWS:
                    yield batch
                    batch = Batch(header, member=member.label)
            yield batch

    def _record(self, batch: Batch, number: int, text: str) -> None:
        raw = text.rstrip("\r\n")

        def refuse(reason: str, column: str = "") -> None:
            batch.refused.append(Refused(number, reason, column, (raw,), batch.member))

        try:
            record: Any = json.loads(text, parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            return refuse("is not JSON")
        if not isinstance(record, dict):
            return refuse("is no JSON object")
        try:
            rows = rows_of(self.dialect.record_schema, self._source.kind, record)
        except RecordProblem as problem:
            return refuse(str(problem), problem.field)
        if rows is None:
            self.skipped += 1
            return None
        if len(rows) > MAX_ROWS_PER_RECORD:
            return refuse(f"gives {len(rows)} rows; at most {MAX_ROWS_PER_RECORD} are read")
        whole = json.dumps(record, sort_keys=True)
        for part, row in enumerate(rows):
            batch.lines.append(number)
            batch.parts.append(part)
            batch.rows.append([*(cell_text(row.get(name)) for name in self._names), whole])
        return None
