"""Where the demo's data comes from, and that it is what it should be."""

import csv
import hashlib
import zipfile
from pathlib import Path

import pytest
from aisle_demo import simulated, sources

WANDS_PRODUCTS = (
    "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features\n"
    '1\toak bed\tBeds\tFurniture / Beds\ta "solid" bed\tmaterial:oak\n'
    "2\tpine shelf\tShelves\tFurniture / Shelves\t\tmaterial:pine\n"
)
WANDS_QUERIES = "query_id\tquery\tquery_class\n7\toak bed frame\tBeds\n"
WANDS_LABELS = "id\tquery_id\tproduct_id\tlabel\n0\t7\t1\tExact\n1\t7\t2\tPartial\n"


def write_wands(folder: Path) -> tuple[Path, Path, Path]:
    paths = (folder / "product.csv", folder / "query.csv", folder / "label.csv")
    for path, text in zip(paths, (WANDS_PRODUCTS, WANDS_QUERIES, WANDS_LABELS), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def test_wands_becomes_one_table_of_judgments(tmp_path: Path) -> None:
    target = tmp_path / "judged.csv"
    grades = sources.join_wands(*write_wands(tmp_path), target)
    with target.open(encoding="utf-8", newline="") as file:
        rows = {row["product_id"]: row for row in csv.DictReader(file)}
    assert rows["1"]["query"] == "oak bed frame"
    assert {key: float(row["grade"]) for key, row in rows.items()} == {"1": 3.0, "2": 1.0}
    assert grades == {("oak bed frame", "oak bed"): 3.0, ("oak bed frame", "pine shelf"): 1.0}


def test_wands_keeps_a_bounded_and_repeatable_part_of_each_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "WANDS_PER_QUERY", 1)
    files = write_wands(tmp_path)
    first = sources.join_wands(*files, tmp_path / "a.csv")
    assert len(first) == 1
    assert first == sources.join_wands(*files, tmp_path / "b.csv")


def test_a_blob_id_is_the_one_that_git_gives() -> None:
    assert sources.git_blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_a_cached_file_that_is_not_the_pinned_one_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "label.csv").write_bytes(b"tampered")
    with pytest.raises(sources.DataUnavailable, match=r"label\.csv"):
        sources.fetch("http://127.0.0.1:9/nothing", "label.csv", sources.git_blob_id(b"right"), tmp_path)


def test_a_cached_file_with_the_pinned_id_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "label.csv").write_bytes(b"right")
    found = sources.fetch("http://127.0.0.1:9/nothing", "label.csv", sources.git_blob_id(b"right"), tmp_path)
    assert found.read_bytes() == b"right"


def mirror(folder: Path) -> Path:
    """A mirror with made-up rows in the real layout."""
    judged = folder / "crowdflower_search"
    judged.mkdir(parents=True)
    header = "id,query,product_title,product_description,median_relevance,relevance_variance\n"
    (judged / "fold-1.csv").write_text(
        header + '1,red mug,"Mug, red",,4,0.0\n2,red mug,Blue plate,,1,0.4\n', encoding="utf-8"
    )
    retail = folder / "online_retail"
    retail.mkdir()
    head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    days = {
        "2011-08-31": "1,A,MUG,1,2011-08-31 10:00:00,2.5,1.0,France\n",
        "2011-09-01": "2,A,MUG,1,2011-09-01 10:00:00,2.5,1.0,France\nC3,A,MUG,-1,2011-09-01 11:00:00,2.5,1.0,France\n",
        "2011-11-01": "4,B,CUP,1,2011-11-01 10:00:00,2.5,,France\n",
    }
    with zipfile.ZipFile(retail / "online_retail_by_day.zip", "w") as archive:
        for day, rows in days.items():
            archive.writestr(f"by-day/{day}.csv", head + rows)
    return folder


def test_a_mirror_is_split_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISLE_DATA_MIRROR", str(mirror(tmp_path / "mirror")))
    said: list[str] = []
    shop = sources.find_shop(tmp_path / "work", quick=False, say=said.append)
    assert shop.orders_known.path.read_text().count("\n") == 2
    assert shop.orders_later.path.read_text().count("\n") == 4
    assert shop.orders_later.path.read_text().count("InvoiceNo") == 1
    assert [(line.customer_id, line.product_id) for line in shop.replay_day] == [("1", "A")]
    assert shop.grades == {("red mug", "Mug, red"): 3.0, ("red mug", "Blue plate"): 0.0}
    assert "mirror" in said[0]


def test_without_mirror_and_network_the_shop_is_simulated_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AISLE_DATA_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise sources.DataUnavailable("no network")

    monkeypatch.setattr(sources, "fetch", refuse)
    said: list[str] = []
    shop = sources.find_shop(tmp_path / "work", quick=True, say=said.append)
    assert shop.name == "simulated shop"
    assert "simulates" in said[0]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_simulated_shop_is_the_same_every_time(tmp_path: Path) -> None:
    sizes = {"quick": True, "products": 120, "customers": 40, "queries": 20, "orders": 300}
    first = simulated.make_shop(tmp_path / "a", **sizes)
    second = simulated.make_shop(tmp_path / "b", **sizes)
    for name in ("judgments.csv", "orders_known.csv", "orders_later.csv"):
        assert digest(tmp_path / "a" / name) == digest(tmp_path / "b" / name)
    assert first.queries == second.queries
    assert len({query for query, _ in first.grades}) == 20


def test_the_simulated_shop_is_dirty(tmp_path: Path) -> None:
    shop = simulated.make_shop(tmp_path, quick=False, products=120, customers=40, queries=10, orders=800)
    with shop.orders_known.path.open(encoding="utf-8", newline="") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    assert len(rows) > len(set(rows)), "exact duplicates"
    assert any(row[0].startswith("C") for row in rows), "cancellations"
    assert any(row[6] == "" for row in rows), "unknown customers"
    assert any("<b>" in row[2] for row in rows), "markup"
