"""Mappings suggested from names, types and values, for files that look like those of shops."""

from pathlib import Path

import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import check_mapping
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.suggest import Suggested, suggest
from aisle_governance.domain.suggest.names import likeness
from aisle_governance.engines.sampling import FITS, sample_file

ORDERS = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n" + "".join(
    f"{'C' if n == 7 else ''}{536365 + n},{85123 + n}A,RED LAMP NUMBER {n},{6 if n != 7 else -6},2010-12-01 08:26:00,2.55,17850.0,"
    "United Kingdom\n"
    for n in range(40)
)
PRODUCTS = "Handle\tTitle\tBody (HTML)\tVendor\tType\tVariant Price\tImage Src\tVariant Barcode\tCurrency\n" + "".join(
    f"lamp-{n}\tRed desk lamp {n}\t<p>A lamp of much red metal for the desk, number {n}</p>\tBrio\tHome > Lamps\t{n + 0.5}\t"
    f"https://shop.example/{n}.jpg\t4006381333931\tEUR\n"
    for n in range(40)
)
JUDGMENTS = "id,search_term,product_title,relevance\n" + "".join(
    f"{n},red lamp,Desk lamp {n},{n % 4 + 1}\n" for n in range(40)
)
EVENTS = "".join(
    f'{{"timestamp": "2026-01-01T00:00:{n:02}Z", "action": "click", "user_id": "u{n}", "session_id": "s{n}", "sku": "p{n}", '
    f'"rank": {n + 1}, "search_query": "red lamp", "uuid": "e{n}", "nested": {{"a": 1}}}}\n'
    for n in range(40)
)


def suggested(folder: Path, text: str, kind: DatasetKind, file_format: FileFormat = FileFormat.CSV) -> Suggested:
    path = folder / "file"
    path.write_text(text)
    return suggest(kind, sample_file(path, kind, file_format, Dialect(), is_beginning=True).sample, FITS)


def test_an_export_of_orders_is_understood(tmp_path: Path) -> None:
    found = suggested(tmp_path, ORDERS, DatasetKind.ORDERS)
    assert dict(found.mapping.columns) == {
        "order_id": "InvoiceNo",
        "product_id": "StockCode",
        "title": "Description",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
        "customer_id": "CustomerID",
        "country": "Country",
        "order_time": "InvoiceDate",
    }
    assert (found.missing, found.unused, found.mapping.cancellation_prefix) == ((), (), "C")
    assert all(0.4 <= one.confidence <= 1 and one.evidence for one in found.suggestions)
    assert any("time_zone" in words for words in found.warnings) and any(
        "default_currency" in words for words in found.warnings
    )
    check_mapping(found.mapping, DatasetKind.ORDERS)


@pytest.mark.parametrize("name", ["placed_at", "when_at", "Zeitpunkt"])
def test_the_only_column_of_times_is_taken_whatever_its_name(tmp_path: Path, name: str) -> None:
    found = suggested(tmp_path, ORDERS.replace("InvoiceDate", name), DatasetKind.ORDERS)
    assert found.mapping.columns["order_time"] == name and not found.missing


def test_an_export_of_products_is_understood(tmp_path: Path) -> None:
    columns = dict(suggested(tmp_path, PRODUCTS, DatasetKind.PRODUCTS).mapping.columns)
    assert columns == {
        "product_id": "Handle",
        "title": "Title",
        "description": "Body (HTML)",
        "brand": "Vendor",
        "category": "Type",
        "price": "Variant Price",
        "currency": "Currency",
        "image_url": "Image Src",
        "gtin": "Variant Barcode",
    }


def test_grades_from_one_are_noticed(tmp_path: Path) -> None:
    found = suggested(tmp_path, JUDGMENTS, DatasetKind.JUDGMENTS)
    columns = found.mapping.columns
    assert (columns["query"], columns["title"], columns["grade"]) == ("search_term", "product_title", "relevance")
    assert found.mapping.grade_offset == 1


def test_json_lines_of_events_are_understood(tmp_path: Path) -> None:
    columns = dict(suggested(tmp_path, EVENTS + '{"cut', DatasetKind.USER_EVENTS, FileFormat.JSONL).mapping.columns)
    assert columns == {
        "event_id": "uuid",
        "event_type": "action",
        "event_time": "timestamp",
        "customer_id": "user_id",
        "visitor_id": "session_id",
        "product_id": "sku",
        "query": "search_query",
        "position": "rank",
    }


def test_what_cannot_be_read_is_told_before_anything_is_imported(tmp_path: Path) -> None:
    text = "sku,name,price\n" + "".join(f'p{n},Lamp {n},"1.234,{n:02}"\n' for n in range(20))
    found = suggested(tmp_path, text, DatasetKind.PRODUCTS)
    assert found.mapping.columns["product_id"] == "sku" and found.mapping.columns["title"] == "name"
    assert "price" not in found.mapping.columns or any("'price'" in words for words in found.warnings)
    nothing = suggested(tmp_path, "a,b\n1,2\n", DatasetKind.PRODUCTS)
    assert (nothing.missing, nothing.unused, nothing.suggestions) == (("product_id", "title"), ("a", "b"), ())


def test_evidence_never_holds_a_value(tmp_path: Path) -> None:
    text = "sku,name,currency\n" + "".join(f"p{n},Jane Miller 555-0{n},EUR\n" for n in range(20))
    told = repr(suggested(tmp_path, text, DatasetKind.PRODUCTS))
    assert "Jane" not in told and "555" not in told


@pytest.mark.parametrize(
    ("canonical", "name", "least"),
    [
        ("product_id", "PRODUCT-ID", 1.0),
        ("order_id", "InvoiceNo", 0.9),
        ("query", "Suchbegriff", 0.8),
        ("price", "colour", 0.0),
    ],
)
def test_names_are_compared_as_people_do(canonical: str, name: str, least: float) -> None:
    found = likeness(canonical, name)[0]
    assert found >= least and (least > 0 or found == 0)
