import gzip
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping, check_mapping
from aisle_governance.domain.model import Dialect, FileFormat, QuarantinedRow
from aisle_governance.engines import quarantine, readers
from aisle_governance.engines.decode import Limits, check_encoding
from aisle_governance.engines.formats import format_of
from aisle_governance.engines.importer import ImportOutcome, import_file
from aisle_governance.engines.readers import Source
from aisle_governance.engines.values import MISFIT, integer, moment, number
from aisle_governance.errors import InvalidField, SourceProblem

HEADER = "order_id,product_id,title,quantity,order_time,unit_price\n"
ROW = "1,10001,Lamp,2,2011-01-01 10:00:00,1.5\n"


@dataclass
class Taken:
    outcome: ImportOutcome
    rows: list[dict[str, Any]]
    refused: list[QuarantinedRow]


def take(
    folder: Path,
    data: bytes | str,
    file_format: FileFormat = FileFormat.CSV,
    *,
    mapping: ColumnMapping | None = None,
    dialect: Dialect | None = None,
    kind: DatasetKind = DatasetKind.ORDERS,
    limits: Limits | None = None,
) -> Taken:
    path, rows, refused = folder / "source", folder / "rows.parquet", folder / "refused.parquet"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    source = Source(path, kind, mapping or ColumnMapping(), dialect or Dialect())
    outcome = import_file(source, file_format, "imp-1", rows, refused, limits=limits)
    return Taken(
        outcome, pq.read_table(rows).to_pylist(), quarantine.read(refused, "", 0, 100) if refused.exists() else []
    )


def problem(folder: Path, data: bytes | str, file_format: FileFormat = FileFormat.CSV, **options: Any) -> SourceProblem:
    with pytest.raises(SourceProblem) as caught:
        take(folder, data, file_format, **options)
    return caught.value


def test_rows_keep_their_source_line_over_quoted_line_ends(tmp_path: Path) -> None:
    taken = take(tmp_path, HEADER + '1,10001,"two\nlines ""x""",2,2011-01-01,1\n\n' + ROW + "3,10001,\r\n")
    assert [(row["_source_line"], row["title"]) for row in taken.rows] == [(2, 'two\nlines "x"'), (5, "Lamp")]
    assert [(row.source_line, row.column) for row in taken.refused] == [(6, "quantity")]
    assert "has 3 fields where the header has 6" in taken.refused[0].reason
    assert (taken.outcome.accepted_row_count, taken.outcome.rejected_row_count) == (2, 1)


def test_row_ids_are_stable_and_unique(tmp_path: Path) -> None:
    first = [row["_row_id"] for row in take(tmp_path, HEADER + ROW * 3).rows]
    assert first == [row["_row_id"] for row in take(tmp_path, HEADER + ROW * 3).rows]
    assert len(set(first)) == 3
    assert len({row["_source_hash"] for row in take(tmp_path, HEADER + ROW * 3).rows}) == 1


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ("1,p,t,two,2011-01-01,1", "quantity", "'two' is not a whole number"),
        ("1,p,t,1.5,2011-01-01,1", "quantity", "not a whole number"),
        ("1,p,t,99999999999999999999,2011-01-01,1", "quantity", "not a whole number"),
        ('1,p,t,1,2011-01-01,"1.234,5"', "unit_price", "not a number"),
        ("1,p,t,1,2011-01-01,inf", "unit_price", "not a number"),
        ("1,p,t,1,2011-01-01,nan", "unit_price", "not a number"),
        ("1,p,t,1,31/02/2011,1", "order_time", "not an ISO 8601 time"),
        ("1,p,t,1,2011-02-31,1", "order_time", "not an ISO 8601 time"),
    ],
)
def test_cells_that_do_not_fit_refuse_their_row_only(tmp_path: Path, cells: str, column: str, words: str) -> None:
    taken = take(tmp_path, HEADER + ROW + cells + "\n" + ROW)
    assert [row["_source_line"] for row in taken.rows] == [2, 4]
    (refused,) = taken.refused
    assert (refused.source_line, refused.column, refused.rule) == (3, column, "import")
    assert words in refused.reason
    assert json.loads(refused.row_json)["order_id"] == "1"


def test_missing_cells_and_white_space_are_no_misfits(tmp_path: Path) -> None:
    (row,) = take(tmp_path, HEADER + "1,10001,, 2 ,2011-01-01T10:00:00+01:00,\n").rows
    assert (row["title"], row["quantity"], row["unit_price"]) == (None, 2, None)
    assert (row["order_time"].isoformat(), row["_time_is_utc"]) == ("2011-01-01T09:00:00", True)


def test_a_byte_that_is_no_text_refuses_its_row(tmp_path: Path) -> None:
    taken = take(tmp_path, (HEADER + ROW).encode() + b"2,p,caf\xe9,1,2011-01-01,1\n" + ROW.encode())
    assert len(taken.rows) == 2
    assert taken.refused[0].source_line == 3
    assert taken.refused[0].column == "title"
    assert "0xE9" in taken.refused[0].reason


def test_a_named_encoding_is_used(tmp_path: Path) -> None:
    data = (HEADER + "1,p,café,1,2011-01-01,1\n").encode("windows-1252")
    assert take(tmp_path, data, dialect=Dialect(encoding="windows-1252")).rows[0]["title"] == "café"
    wide = (HEADER + "1,p,café,1,2011-01-01,1\n").encode("utf-16")
    assert take(tmp_path, wide, dialect=Dialect(encoding="utf-16")).rows[0]["title"] == "café"
    assert problem(tmp_path, wide).facts["row"] == "1"


@pytest.mark.parametrize("name", ["nonsense", "base64", "rot13", "unicode_escape", "zlib"])
def test_codecs_that_are_no_text_encodings_are_refused(name: str) -> None:
    with pytest.raises(InvalidField):
        check_encoding(name, "dialect.encoding")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_detected(tmp_path: Path, delimiter: str) -> None:
    taken = take(tmp_path, "\ufeff" + (HEADER + ROW).replace(",", delimiter))
    assert taken.outcome.dialect == Dialect(delimiter, "utf-8", '"')
    assert len(taken.rows) == 1


def test_a_wrong_delimiter_fails_with_the_right_one(tmp_path: Path) -> None:
    error = problem(tmp_path, (HEADER + ROW).replace(",", ";"), dialect=Dialect(delimiter=","))
    assert error.reason == "DELIMITER_MISMATCH"
    assert error.facts == {"row": "1", "column": "order_id"}
    assert "';'" in error.next_step


def test_a_missing_column_fails_with_those_that_are_there(tmp_path: Path) -> None:
    error = problem(tmp_path, HEADER + ROW, mapping=ColumnMapping(columns={"quantity": "Qty"}))
    assert (error.reason, error.facts) == ("COLUMN_MISSING", {"row": "1", "column": "Qty"})
    assert "unit_price" in error.message


@pytest.mark.parametrize("cut", [30, 200, -5])
def test_a_truncated_gzip_fails(tmp_path: Path, cut: int) -> None:
    packed = gzip.compress((HEADER + "".join(f"{i},{i * 7919},x{i},1,2011-01-01,1\n" for i in range(3000))).encode())
    error = problem(tmp_path, packed[:cut])
    assert error.reason == "SOURCE_TRUNCATED"
    assert int(error.facts["row"]) >= 1
    damaged = bytearray(packed)
    damaged[len(damaged) // 2] ^= 0xFF
    assert problem(tmp_path, bytes(damaged)).reason in ("SOURCE_CORRUPT", "SOURCE_TRUNCATED")


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_a_zip_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    taken = take(tmp_path, zipped({"b/2.csv": HEADER + ROW, "../../a.csv": HEADER + ROW * 2, "__MACOSX/x": "junk"}))
    assert [(row["_source_member"], row["_source_line"]) for row in taken.rows] == [
        ("../../a.csv", 2),
        ("../../a.csv", 3),
        ("b/2.csv", 2),
    ]
    assert len({row["_row_id"] for row in taken.rows}) == 3
    assert problem(tmp_path, zipped({"a.csv": HEADER + ROW, "b.csv": "x,y\n1,2\n"})).reason == "HEADER_DIFFERS"
    assert problem(tmp_path, zipped({})).reason == "ZIP_MEMBERS"
    assert problem(tmp_path, zipped({"a.csv": HEADER + ROW})[:-30]).reason == "SOURCE_CORRUPT"


def test_bombs_and_endless_lines_are_bounded(tmp_path: Path) -> None:
    bomb = gzip.compress((HEADER + ROW * 100_000).encode())
    assert problem(tmp_path, bomb, limits=Limits(decoded_bytes=1 << 20)).reason == "SOURCE_TOO_LARGE"
    endless = gzip.compress(HEADER.encode() + b"x" * 6_000_000)
    error = problem(tmp_path, endless, limits=Limits(line_characters=1 << 20))
    assert (error.reason, error.facts["row"]) == ("LINE_TOO_LONG", "2")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "HEADER_MISSING"),
        ("\n\n", "HEADER_MISSING"),
        (HEADER, "SOURCE_EMPTY"),
        (HEADER + "1,2\n3,4\n", "NO_READABLE_ROW"),
        ("order_id,order_id,product_id,quantity,order_time\n1,2,3,4,5\n", "HEADER_REPEATED"),
        ("\x00" * 500, "ENCODING_MISMATCH"),
        ("just some text\nwithout columns\n", "COLUMN_MISSING"),
    ],
)
def test_files_that_are_no_table_fail_with_a_row(tmp_path: Path, data: str, reason: str) -> None:
    error = problem(tmp_path, data)
    assert error.reason == reason
    assert "row" in error.facts


def test_an_unclosed_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    taken = take(tmp_path, HEADER + ROW + '2,10001,"never closed,1,2011-01-01,1\n' + ROW * 3)
    assert [row["_source_line"] for row in taken.rows] == [2, 4, 5, 6]
    assert taken.refused[0].source_line == 3
    assert "never closed" in taken.refused[0].reason
    taken = take(tmp_path, HEADER + '2,10001,"a"b,1,2011-01-01,1\n' + ROW)
    assert [row["_source_line"] for row in taken.rows] == [3]


def test_many_broken_quotes_end_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_MAX_RESYNC_CHARACTERS", 100_000)
    assert (
        problem(tmp_path, HEADER + '1,10001,"x,1,2011-01-01,1 \n' * 3 + '1,"' + "y" * 200_000).reason
        == "QUOTES_UNBALANCED"
    )


def test_formula_cells_and_nul_bytes_are_only_text(tmp_path: Path) -> None:
    taken = take(tmp_path, HEADER + "1,10001,=cmd|' /C calc'!A0,1,2011-01-01,1\n2,10001,a\x00b,1,2011-01-01,1\n")
    assert [row["title"] for row in taken.rows] == ["=cmd|' /C calc'!A0", "a\x00b"]


def test_json_lines_are_read_like_csv(tmp_path: Path) -> None:
    good = {
        "order_id": 1.0,
        "product_id": "p",
        "quantity": 2,
        "order_time": "2011-01-01T00:00:00Z",
        "extra": {"a": [1]},
    }
    lines = [good, good | {"quantity": "two"}, [1], good | {"title": ["x"]}, good | {"title": "\ud800"}]
    text = "\n".join([*map(json.dumps, lines), "{broken", "", '{"quantity": NaN}', "[" * 20_000])
    taken = take(tmp_path, text, FileFormat.JSONL)
    assert [(row["order_id"], row["quantity"], row["_time_is_utc"]) for row in taken.rows] == [("1", 2, True)]
    assert [row.source_line for row in taken.refused] == [2, 3, 4, 5, 6, 8, 9]
    error = problem(tmp_path, json.dumps({"order_id": 1}), FileFormat.JSONL)
    assert (error.reason, error.facts["column"]) == ("COLUMN_MISSING", "product_id")


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    table = pa.table(
        {
            "order_id": pa.array([1, 2], pa.int32()),
            "product_id": pa.array(["p", "q"]).dictionary_encode(),
            "quantity": pa.array([1.0, 1.5]),
            "order_time": pa.array([0, 1], pa.timestamp("ms", "UTC")),
            "nested": pa.array([[1], [2]]),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    taken = take(tmp_path, buffer.getvalue(), FileFormat.PARQUET)
    assert [(row["order_id"], row["product_id"], row["quantity"], row["_source_line"]) for row in taken.rows] == [
        ("1", "p", 1, 1)
    ]
    assert taken.rows[0]["_time_is_utc"] is True
    assert taken.refused[0].source_line == 2
    for cut in (4, len(buffer.getvalue()) // 2, -1):
        assert problem(tmp_path, buffer.getvalue()[:cut], FileFormat.PARQUET).reason == "SOURCE_CORRUPT"


def test_values_are_read_strictly() -> None:
    assert (integer(" 6.0 "), integer("-3"), integer("6.5"), integer("six"), integer("1e3")) == (
        6,
        -3,
        MISFIT,
        MISFIT,
        1000,
    )
    assert (number("1."), number(".5"), number("1_000"), number("0x10"), number("1e999")) == (
        1.0,
        0.5,
        MISFIT,
        MISFIT,
        MISFIT,
    )
    assert moment("2011-01-01 10:00:00+0100")[0].hour == 9
    assert moment("10:00") is MISFIT
    assert moment("0001-01-01T00:00:00+23:59") is MISFIT


def test_formats_are_told_by_name() -> None:
    names = {
        "a.csv": "CSV",
        "A.CSV.GZ": "CSV",
        "b.tsv": "CSV",
        "c.zip": "CSV",
        "d.jsonl.gz": "JSONL",
        "e.parquet": "PARQUET",
    }
    assert {name: format_of(name) for name in names} == names
    assert format_of("notes.txt") is None


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        (ColumnMapping(columns={"colour": "c"}), "mapping.columns['colour']"),
        (ColumnMapping(columns={"title": ""}), "mapping.columns['title']"),
        (ColumnMapping(time_zone="Mars/Base"), "mapping.time_zone"),
        (ColumnMapping(time_zone="../../etc/passwd"), "mapping.time_zone"),
        (ColumnMapping(default_currency="gbp"), "mapping.default_currency"),
        (ColumnMapping(grade_offset=1e9), "mapping.grade_offset"),
    ],
)
def test_mappings_are_checked(mapping: ColumnMapping, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_mapping(mapping, DatasetKind.ORDERS)
    assert caught.value.field == field


def test_row_json_is_bounded() -> None:
    text = quarantine.bounded_json({f"c{i}": "é" * 3_000 for i in range(100)})
    assert len(text.encode()) <= 4096
    assert json.loads(text)
