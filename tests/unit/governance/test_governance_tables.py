from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.content import identify
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat, QualityReport
from aisle_governance.engines import tables
from aisle_governance.engines.governor import Candidate, GovernedDataset, govern
from aisle_governance.engines.importer import import_file
from aisle_governance.engines.readers import Source
from aisle_governance.errors import DataLoss, InvalidField, NotFound

HEADER = "order_id,product_id,title,quantity,order_time,unit_price,customer_id\n"


def rows(start: int, stop: int) -> str:
    return "".join(f"{i},{10000 + i},Lamp {i},1,2011-07-01 10:00:00,1.5,7\n" for i in range(start, stop))


def candidate(folder: Path, *texts: str, disabled: tuple[str, ...] = ()) -> Candidate:
    files = []
    for index, text in enumerate(texts):
        source = folder / f"s{index}.csv"
        source.write_text(text)
        files.append(folder / f"r{index}.parquet")
        reading = Source(source, DatasetKind.ORDERS, ColumnMapping(), Dialect())
        import_file(reading, FileFormat.CSV, f"imp-{index}", files[-1], folder / "x.parquet")
    mapping = ColumnMapping(time_zone="Europe/London", default_currency="GBP")
    return govern(GovernedDataset("d", DatasetKind.ORDERS, mapping, "", disabled, tuple(files)), "run")


def read(paths: list[Path], made: Candidate, columns: list[str], **options: object) -> pa.Table:
    words = tables.schema_words(made.table.schema)
    return pa.ipc.open_stream(b"".join(tables.read_ipc(paths, words, columns, **options))).read_all()  # type: ignore[arg-type]


def test_identity_depends_on_values_and_order_only() -> None:
    one = pa.table({"a": ["x", None, "x", ""], "b": [1.0, 2.0, 1.0, None]})
    again = pa.concat_tables([one.slice(0, 1), one.slice(1)])
    assert identify(one).content_hash == identify(again).content_hash
    keys = identify(one).keys.to_pylist()
    assert len(set(keys)) == 4  # the second copy of a row has its own key
    assert identify(one.slice(1)).keys.to_pylist()[1] == keys[0]
    assert identify(one.take([1, 0, 2, 3])).content_hash != identify(one).content_hash
    assert identify(pa.table({"a": ["1:x"], "b": ["y"]})).keys != identify(pa.table({"a": ["1"], "b": ["x1:y"]})).keys


def test_a_table_reads_back_as_written(tmp_path: Path) -> None:
    made = candidate(tmp_path, HEADER + rows(0, 50))
    files = tables.write_table(made.table, tmp_path / "t", "test")
    paths = tables.verified_files(tmp_path / "t", files)
    assert read(paths, made, made.table.column_names).equals(made.table)
    assert read(paths, made, ["title", "order_id"]).column_names == ["title", "order_id"]
    sample = read(paths, made, ["_row_id"], sample_row_count=10)["_row_id"].to_pylist()
    assert len(sample) == 10
    assert sample == read(paths, made, ["_row_id"], sample_row_count=10)["_row_id"].to_pylist()
    row = made.table["_row_id"][3].as_py()
    assert tables.find_row(paths, row) == ("imp-0", 5)
    with pytest.raises(NotFound):
        tables.find_row(paths, "0" * 24)


def test_added_rows_are_those_with_other_content(tmp_path: Path) -> None:
    old = candidate(tmp_path, HEADER + rows(0, 30))
    old_files = tables.write_table(old.table, tmp_path / "old", "test")
    new = candidate(tmp_path, HEADER + rows(5, 10), HEADER + rows(0, 40))  # the same rows under other ids, and ten more
    new_files = tables.write_table(new.table, tmp_path / "new", "test")
    added = read(
        tables.verified_files(tmp_path / "new", new_files),
        new,
        ["order_id"],
        not_in=tables.verified_files(tmp_path / "old", old_files),
    )
    assert sorted(map(int, added["order_id"].to_pylist())) == list(range(30, 40))


def test_governing_again_gives_the_same_content(tmp_path: Path) -> None:
    first, second = (candidate(tmp_path, HEADER + rows(0, 20)) for _ in range(2))
    assert first.content_hash == second.content_hash
    assert first.table.equals(second.table)
    assert (
        first.rule_set_hash
        != candidate(tmp_path, HEADER + rows(0, 20), disabled=("drop_invalid_prices",)).rule_set_hash
    )


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_tables_are_never_read(tmp_path: Path, damage: str) -> None:
    made = candidate(tmp_path, HEADER + rows(0, 20))
    files = tables.write_table(made.table, tmp_path / "t", "test")
    path = tmp_path / "t" / files[0].name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    if damage != "remove":
        path.write_bytes(bytes(data) if damage == "flip" else bytes(data)[:-7])
    with pytest.raises(DataLoss):
        tables.verified_files(tmp_path / "t", files)


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    made = candidate(tmp_path, HEADER + "1,10001,x,0,2011-07-01,1,7\n")
    assert made.table.num_rows == 0
    assert [check.check for check in made.report.stopping_checks] == ["orders.row_count"]
    files = tables.write_table(made.table, tmp_path / "t", "test")
    paths = tables.verified_files(tmp_path / "t", files)
    assert read(paths, made, made.table.column_names).schema.equals(made.table.schema)


def test_reports_survive_storage(tmp_path: Path) -> None:
    report = candidate(tmp_path, HEADER + rows(0, 3)).report
    assert QualityReport.from_json(report.to_json()) == report


def test_unknown_columns_are_named() -> None:
    assert tables.check_columns([], ["a", "b"]) == ["a", "b"]
    with pytest.raises(InvalidField) as caught:
        tables.check_columns(["a", "z"], ["a", "b"])
    assert caught.value.field == "columns[1]"


def test_rows_keep_their_order_however_many_chunks_they_come_in(tmp_path: Path) -> None:
    chunks = [pa.table({"n": [number * 2, number * 2 + 1]}) for number in range(200)]
    (file,) = tables.write_table(pa.concat_tables(chunks), tmp_path / "t", "run")
    assert pq.read_table(tmp_path / "t" / file.name, partitioning=None)["n"].to_pylist() == list(range(400))
