"""Reads one sheet of an Excel workbook row by row.

A formula is never believed: the value that a workbook remembers for it may be missing (most libraries write none) or old. A row with a
formula or an error value in a mapped column is refused with its cell; in other columns it does not matter.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from aisle_governance.domain.mapping import resolve
from aisle_governance.engines.decode import Budget, unpacking
from aisle_governance.engines.readers import BATCH_ROWS, MAX_COLUMNS, Batch, Refused, Source, cell_text, check_header
from aisle_governance.errors import SourceProblem, shorten

MAX_ROWS = 1_048_576
"""What a sheet can hold; a file that says more is not believed."""
MAX_SHARED_BYTES = 512 << 20
"""Texts that the sheets share are held in memory."""
_PROLOGUE = 1024
_FORMULA, _ERROR = "f", "e"
_BROKEN = (
    InvalidFileException, ParseError, KeyError, ValueError, TypeError, IndexError, AttributeError, OSError,
)  # fmt: skip


class WorkbookReader:
    """Gives the rows of a sheet; the first row is the header, and a row's line is its number in the sheet."""

    def __init__(self, source: Source, budget: Budget) -> None:
        """Prepare."""
        self._source, self._budget = source, budget
        self.dialect = replace(source.dialect, delimiter="", encoding="", quote="")

    def batches(self) -> Iterator[Batch]:
        """Yield all rows that are not empty. Raises SourceProblem for a file that is no workbook, or has no such sheet."""
        self._check_parts()
        with _opened(self._source) as book:
            name = self._sheet_name(book.sheetnames)
            self.dialect = replace(self.dialect, sheet=name)
            yield from self._rows(book[name])

    def _check_parts(self) -> None:
        """Keep bombs out before anything is parsed: sizes are what the archive says, and it never unpacks more than that."""
        with unpacking(), zipfile.ZipFile(self._source.path) as archive:
            for entry in archive.infolist():
                self._budget.expected += entry.file_size
                self._budget.spend(entry.file_size)
                if entry.filename.endswith("sharedStrings.xml") and entry.file_size > MAX_SHARED_BYTES:
                    raise SourceProblem(
                        "SOURCE_TOO_LARGE", "The workbook's texts take too much memory.", next_step="Export it as CSV."
                    )
                if entry.filename.endswith((".xml", ".rels")):
                    with archive.open(entry) as part:
                        if b"<!" in part.read(_PROLOGUE):
                            raise SourceProblem("SOURCE_CORRUPT", "The workbook declares entities of its own.")

    def _sheet_name(self, names: Sequence[str]) -> str:
        wanted = self.dialect.sheet or (names[0] if names else "")
        if wanted not in names:
            shown = ", ".join(shorten(name, 31) for name in names[:20])
            raise SourceProblem(
                "SHEET_MISSING",
                f"The workbook has no sheet {shorten(wanted)!r}; it has: {shown}.",
                next_step="Name one of its sheets in the dialect.",
            )
        return wanted

    def _rows(self, sheet: Any) -> Iterator[Batch]:
        if not hasattr(sheet, "iter_rows"):
            raise SourceProblem("SHEET_MISSING", "The sheet is a chart.", next_step="Name a sheet with rows.")
        sheet.reset_dimensions()
        first = next(sheet.iter_rows(max_row=1, max_col=MAX_COLUMNS + 1), ())
        header = [(_text(cell) or "").strip() for cell in first]
        while header and not header[-1]:
            header.pop()
        if not header:
            raise SourceProblem(
                "HEADER_MISSING", "The first row of the sheet is empty.", row=1, next_step="Add a header."
            )
        check_header(header)
        used: set[int] = set()
        if not self._source.any_header:
            used = set(resolve(self._source.columns, self._source.kind, header).values())
        batch = Batch(header)
        rows = sheet.iter_rows(min_row=2, max_row=MAX_ROWS, max_col=len(header) + 1)
        for number, cells in enumerate(rows, start=2):
            self._row(batch, number, cells, used)
            if len(batch.rows) >= BATCH_ROWS:
                yield batch
                batch = Batch(header)
        yield batch

    @staticmethod
    def _row(batch: Batch, number: int, cells: Sequence[Any], used: set[int]) -> None:
        texts = [_text(cell) for cell in cells]
        if not any(texts):
            return None
        width = len(batch.header)
        texts += [None] * (width - len(texts))

        def refuse(position: int, reason: str) -> None:
            place = f"{get_column_letter(position + 1)}{number}"
            name = batch.header[position] if position < width else ""
            batch.refused.append(Refused(number, f"cell {place} {reason}", name, tuple(text or "" for text in texts)))

        for position in sorted(used):
            kind = getattr(cells[position], "data_type", "") if position < len(cells) else ""
            if kind == _FORMULA:
                return refuse(position, "holds a formula; paste it as a value")
            if kind == _ERROR:
                return refuse(position, f"holds the error {shorten(texts[position] or '', 20)}")
        if any(texts[width:]):
            return refuse(width, "stands beside the last column of the header")
        batch.lines.append(number)
        batch.rows.append(texts[:width])
        return None


@contextmanager
def _opened(source: Source) -> Iterator[Any]:
    """The workbook, read row by row; whatever breaks inside it is a SourceProblem."""
    warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
    book = None
    try:
        with (
            unpacking(),
            source.path.open("rb") as file,
        ):  # a file without the usual ending is only taken when it is open
            book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
            yield book
    except SourceProblem:
        raise
    except (*_BROKEN, zlib.error, zipfile.BadZipFile) as error:
        raise SourceProblem(
            "SOURCE_CORRUPT",
            "The workbook is damaged or no .xlsx file.",
            next_step="Save it again as .xlsx, or as CSV.",
        ) from error
    finally:
        if book is not None:
            book.close()


def _text(cell: Any) -> str | None:
    value = getattr(cell, "value", None)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if value is None or isinstance(value, str | bool | int | float):
        return cell_text(value)
    return str(getattr(value, "text", value))
