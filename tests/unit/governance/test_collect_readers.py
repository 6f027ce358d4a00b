"""Workbooks, dialects, several files, and what is told of them."""

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat, ImportedFile, RecordSchema
from aisle_governance.domain.subjects import Subjects, subject_hash
from aisle_governance.engines import quarantine, raw_erasing
from aisle_governance.engines.detect import likely_encoding
from aisle_governance.engines.importer import ImportOutcome, import_file
from aisle_governance.engines.readers import Source
from aisle_governance.errors import SourceProblem
from openpyxl import Workbook

HEADER = "product_id,title,price\n"


def take(
    folder: Path,
    data: bytes,
    file_format: FileFormat = FileFormat.CSV,
    kind: DatasetKind = DatasetKind.PRODUCTS,
    dialect: Dialect | None = None,
) -> tuple[ImportOutcome, list[dict[str, Any]], list[Any]]:
    path, rows, refused = folder / "source", folder / "rows.parquet", folder / "refused.parquet"
    path.write_bytes(data)
    refused.unlink(missing_ok=True)
    outcome = import_file(
        Source(path, kind, ColumnMapping(), dialect or Dialect()), file_format, "imp-1", rows, refused
    )
    return outcome, pq.read_table(rows).to_pylist(), quarantine.read(refused, "", 0, 100) if refused.exists() else []


def workbook(rows: list[tuple[object, ...]], sheet: str = "") -> bytes:
    book = Workbook()
    page = book.create_sheet(sheet) if sheet else book.active
    for row in rows:
        page.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_a_workbook_keeps_row_numbers_numbers_and_times(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [
        ("order_id", "product_id", "quantity", "order_time", "note"),
        (536365, "85123A", 6, datetime(2010, 12, 1, 8, 26), "=A2"),
        (),
        (536366, "071053", 2.0, "2010-12-01", None),
        (536367, "071053", 2, datetime(2010, 12, 1), None, "beside"),
    ]
    outcome, kept, refused = take(tmp_path, workbook(rows), FileFormat.XLSX, DatasetKind.ORDERS)
    assert [(row["_source_line"], row["order_id"], row["product_id"], row["quantity"]) for row in kept] == [
        (2, "536365", "85123A", 6),
        (4, "536366", "071053", 2),
    ]
    assert kept[0]["order_time"] == datetime(2010, 12, 1, 8, 26)
    assert [(row.source_line, row.reason) for row in refused] == [
        (5, "line 5: cell F5 stands beside the last column of the header")
    ]
    assert outcome.dialect == Dialect(sheet="Sheet")


def test_a_sheet_is_chosen_by_its_name(tmp_path: Path) -> None:
    data = workbook([("product_id", "title"), ("p1", "Lamp")], "Stock")
    assert len(take(tmp_path, data, FileFormat.XLSX, dialect=Dialect(sheet="Stock"))[1]) == 1
    with pytest.raises(SourceProblem) as caught:
        take(tmp_path, data, FileFormat.XLSX, dialect=Dialect(sheet="Other"))
    assert caught.value.reason == "SHEET_MISSING" and "Stock" in caught.value.message


def test_single_quotes_are_detected_shown_and_can_be_overruled(tmp_path: Path) -> None:
    data = (HEADER.replace(",", "\t") + "'p1'\t'Lamp\twith tab'\t1\n'p2'\t'Desk'\t2\n").encode()
    outcome, kept, _ = take(tmp_path, data)
    assert outcome.dialect == Dialect("\t", "utf-8", "'")
    assert [row["title"] for row in kept] == ["Lamp\twith tab", "Desk"]
    outcome, kept, refused = take(tmp_path, data, dialect=Dialect(quote='"'))
    assert [row["title"] for row in kept] == ["'Desk'"] and len(refused) == 1
    assert take(tmp_path, (HEADER + "p1,'tis a lamp,1\np2,Rock 'n' roll,1\n").encode())[0].dialect.quote == '"'


def test_the_likely_encoding_of_broken_bytes_is_told(tmp_path: Path) -> None:
    text = "".join(f"p{n},Lamp {n},1\n" for n in range(50)) + "p50,Größe für die Küche,1\np51,Möbel für Gärten,1\n"
    outcome, kept, refused = take(tmp_path, (HEADER + text).encode("cp1252"))
    assert (outcome.likely_encoding, len(kept), [row.source_line for row in refused]) == ("windows-1252", 50, [52, 53])
    assert take(tmp_path, (HEADER + text).encode())[0].likely_encoding == ""
    assert take(tmp_path, (HEADER + text).encode("cp1252"), dialect=Dialect(encoding="windows-1252"))[1][-1][
        "title"
    ].startswith("Möbel")
    assert likely_encoding("木製の椅子とテーブル".encode("cp932")) == "shift_jis"
    assert likely_encoding("木制椅子和桌子，白色大号".encode("gb18030")) == "gb18030"
    assert likely_encoding("Lamp".encode("utf-16-le")) == "utf-16-le"


def test_each_file_of_a_zip_is_counted_and_may_order_its_columns_as_it_likes(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("2026/may.csv", HEADER + "p1,Lamp,1\np2,Desk,x\n")
        archive.writestr("april export.txt", "price,title,product_id\n2,Chair,p3\n")
    outcome, kept, refused = take(tmp_path, buffer.getvalue())
    assert outcome.files == (ImportedFile("2026/may.csv", 1, 1), ImportedFile("april export.txt", 1, 0))
    assert [(row["product_id"], row["price"], row["_source_member"]) for row in kept] == [
        ("p1", 1.0, "2026/may.csv"),
        ("p3", 2.0, "april export.txt"),
    ]
    assert refused[0].reason == "line 3: 'x' is not a number (in 2026/may.csv)"


def test_rows_of_one_record_share_a_line_have_their_own_ids_and_are_erased_together(tmp_path: Path) -> None:
    record = {
        "event": "ranking",
        "id": "r1",
        "timestamp": 1599391467000,
        "user": "u1",
        "items": [{"id": "a"}, {"id": "b"}],
    }
    other = {**record, "id": "r2", "user": "u2"}
    data = "".join(
        json.dumps(one) + "\n" for one in (record, {"event": "user", "id": "x", "user": "u1"}, other)
    ).encode()
    dialect = Dialect(record_schema=RecordSchema.METARANK)
    outcome, kept, _ = take(tmp_path, data, FileFormat.JSONL, DatasetKind.USER_EVENTS, dialect)
    assert outcome.skipped_record_count == 1
    assert [(row["_source_line"], row["event_id"]) for row in kept] == [
        (1, "r1-1"),
        (1, "r1-2"),
        (3, "r2-1"),
        (3, "r2-2"),
    ]
    assert len({row["_row_id"] for row in kept}) == 4
    subjects = Subjects(b"k" * 32, [subject_hash(b"k" * 32, "u1")])
    source = Source(tmp_path / "source", DatasetKind.USER_EVENTS, ColumnMapping(), outcome.dialect)
    rows = raw_erasing.find_rows(source, FileFormat.JSONL, subjects)
    assert {row["_row_id"] for row in kept[:2]} <= rows.row_ids("imp-1")
    raw_erasing.rewrite(source, FileFormat.JSONL, rows, tmp_path / "target")
    left = (tmp_path / "target").read_bytes().split(b"\n")
    assert left[0] == b"" and b"u1" not in b"".join(left) and json.loads(left[2]) == other
