"""`aisle catalog`: bring products, change prices and stock, look at the catalogue, keep synonyms."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import usage
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.ranker.v1 import product_pb2
    from aisle.type.v1 import money_pb2

app = group("Bring products and look at the catalogue that search looks through.")
PER_CALL = 500
Ids = Annotated[list[str], typer.Argument(metavar="PRODUCT...", help="Product ids.")]


@command(app, "upsert")
def upsert(
    session: Session,
    file: Annotated[
        Path, typer.Argument(help="JSON lines, or CSV with a header: product_id, title and any of the other fields.")
    ],
    currency: Annotated[str, typer.Option(metavar="CODE", help="Currency of prices that name none.")] = "",
) -> None:
    """Add products or replace them whole; they can be found when the command ends.

    Fields: product_id, title, description, category (`Home > Kitchen`), brand, price, currency, stock, and
    attributes.NAME (in JSON also an object `attributes`).
    """
    from aisle.ranker.v1 import catalog_service_pb2 as pb

    added = replaced = 0
    for products in _batches(_products(file, currency)):
        request = pb.UpsertProductsRequest(products=products, request_id=names.new_request_id())
        answer = session.catalog.UpsertProducts(request)
        added, replaced = added + answer.added_count, replaced + answer.replaced_count
    if session.as_json:
        return output.emit_json(session, {"added_count": added, "replaced_count": replaced})
    return output.line(f"{output.count(added)} products added, {output.count(replaced)} replaced.")


@command(app, "update")
def update(
    session: Session,
    product: Annotated[str, typer.Argument(help="Product id.")],
    price: Annotated[str, typer.Option(metavar="'AMOUNT CODE'", help="New price, for example '9.99 GBP'.")] = "",
    stock: Annotated[int | None, typer.Option(min=0, help="New stock.")] = None,
) -> None:
    """Change a product's price or stock and nothing else."""
    from aisle.ranker.v1 import catalog_service_pb2 as pb

    if not price and stock is None:
        usage("What changes?", "Add --price or --stock.")
    amount, _, code = price.strip().partition(" ")
    change = pb.StockAndPrice(product_id=product, price=_money(amount, code) if price else None, stock_count=stock)
    request = pb.UpdateStockAndPriceRequest(changes=[change], request_id=names.new_request_id())
    answer = session.catalog.UpdateStockAndPrice(request)
    if session.as_json:
        return output.emit_json(session, answer)
    return output.line(f"{product} {'is not in the catalogue' if answer.unknown_product_ids else 'changed'}.")


@command(app, "get")
def get(session: Session, product: Annotated[str, typer.Argument(help="Product id.")]) -> None:
    """Show a product."""
    from aisle.ranker.v1 import catalog_service_pb2 as pb

    found = session.catalog.GetProduct(pb.GetProductRequest(product_id=product)).product
    if session.as_json:
        return output.emit_json(session, {"product": output.as_dict(found)})
    price = f"{found.price.units + found.price.nanos / 1e9:.2f} {found.price.currency_code}"
    return output.fields(
        [
            ("product", found.product_id),
            ("title", found.title),
            ("brand", found.brand),
            ("category", found.category),
            ("price", price if found.HasField("price") else ""),
            ("stock", output.count(found.stock_count) if found.HasField("stock_count") else ""),
            ("attributes", ", ".join(f"{name}={value}" for name, value in sorted(found.attributes.items()))),
            ("description", found.description),
            ("changed", output.when(found.update_time)),
            ("from", names.short(found.dataset_version)),
        ]
    )


@command(app, "delete")
def delete(session: Session, products: Ids) -> None:
    """Take products out of the catalogue."""
    from aisle.ranker.v1 import catalog_service_pb2 as pb

    gone = 0
    for ids in _batches(iter(products)):
        request = pb.DeleteProductsRequest(product_ids=ids, request_id=names.new_request_id())
        gone += session.catalog.DeleteProducts(request).deleted_count
    if session.as_json:
        return output.emit_json(session, {"deleted_count": gone})
    return output.line(f"{output.count(gone)} products deleted.")


@command(app, "stats")
def stats(session: Session) -> None:
    """Show how large the catalogue is and where it came from."""
    from aisle.ranker.v1 import catalog_service_pb2 as pb

    found = session.catalog.GetCatalogStats(pb.GetCatalogStatsRequest()).stats
    if session.as_json:
        return output.emit_json(session, {"stats": output.as_dict(found)})
    return output.fields(
        [
            ("products", output.count(found.product_count)),
            ("with vectors", output.count(found.embedded_count)),
            ("words", output.count(found.vocabulary_size)),
            ("dataset", names.short(found.dataset_version)),
            ("rows skipped", output.count(found.skipped_row_count)),
            ("waiting", names.short(found.pending_dataset_version)),
            ("last failure", found.last_failure_reason),
        ]
    )


@command(app, "set-synonyms")
def set_synonyms(
    session: Session,
    group_id: Annotated[str, typer.Argument(metavar="GROUP", help="Id of the group.")],
    terms: Annotated[list[str], typer.Argument(metavar="TERM...", help="Words or phrases that mean the same.")],
) -> None:
    """Let words or phrases find each other; replaces the group of the same id."""
    from aisle.ranker.v1 import catalog_service_pb2 as pb
    from aisle.ranker.v1 import product_pb2

    group = product_pb2.SynonymSet(synonym_set_id=group_id, terms=terms)
    request = pb.UpdateSynonymSetRequest(synonym_set=group, request_id=names.new_request_id())
    made = session.catalog.UpdateSynonymSet(request).synonym_set
    if session.as_json:
        return output.emit_json(session, {"synonym_set": output.as_dict(made)})
    return output.line(f"{made.synonym_set_id}: {', '.join(made.terms)}")


@command(app, "delete-synonyms")
def delete_synonyms(session: Session, group_id: Annotated[str, typer.Argument(metavar="GROUP")]) -> None:
    """Delete a group of synonyms."""
    from aisle.ranker.v1 import catalog_service_pb2 as pb

    request = pb.DeleteSynonymSetRequest(synonym_set_id=group_id, request_id=names.new_request_id())
    session.catalog.DeleteSynonymSet(request)
    if session.as_json:
        return output.emit_json(session, {})
    return output.line(f"{group_id} is deleted.")


@command(app, "synonyms")
def synonyms(session: Session) -> None:
    """List groups of synonyms."""
    from aisle.ranker.v1 import catalog_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.catalog.ListSynonymSets(pb.ListSynonymSetsRequest(page_size=size, page_token=token))
        return answer.synonym_sets, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "synonym_sets", found)
    rows = [(group.synonym_set_id, ", ".join(group.terms)) for group in found]
    return output.table("Synonyms", ["group", "terms"], rows)


def _batches(entries: Iterator[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == PER_CALL:
            yield batch
            batch = []
    if batch:
        yield batch


def _products(file: Path, currency: str) -> "Iterator[product_pb2.Product]":
    for line, row in _rows(file):
        try:
            yield _product(row, currency)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            usage(f"{file}, entry {line}: {_problem(error)}.", "Correct the entry; those before it may be in already.")


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import csv
    import json

    try:
        with file.open(encoding="utf-8", newline="") as lines:
            if file.suffix.lower() == ".csv":
                yield from enumerate(csv.DictReader(lines), 1)
                return
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        row = json.loads(line)
                    except ValueError:
                        row = None
                    if not isinstance(row, dict):
                        usage(f"{file}, line {number}: is no JSON object.", "Write one product per line.")
                    yield number, row
    except (OSError, UnicodeDecodeError) as error:
        usage(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}.")


def _product(row: dict[str, Any], currency: str) -> "product_pb2.Product":
    from aisle.ranker.v1 import product_pb2

    def text(name: str) -> str:
        value = row.get(name)
        return "" if value is None else str(value)

    attributes = {name: str(value) for name, value in dict(row.get("attributes") or {}).items()}
    for name in row:
        if str(name).startswith("attributes.") and text(name):
            attributes[name.removeprefix("attributes.")] = text(name)
    price, stock = text("price"), text("stock")
    return product_pb2.Product(
        product_id=text("product_id"),
        title=text("title"),
        description=text("description"),
        category=text("category"),
        brand=text("brand"),
        price=_money(price, text("currency") or currency) if price else None,
        stock_count=int(stock) if stock else None,
        attributes=attributes,
    )


def _money(amount: str, code: str) -> "money_pb2.Money":
    from decimal import Decimal, InvalidOperation

    from aisle.type.v1 import money_pb2

    try:
        value = Decimal(amount)
        nanos = int((value * 10**9).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError):
        usage(f"{amount} is no amount.", "Write a price like 9.99.")
    if nanos < 0 or nanos > 10**18:
        usage(f"{amount} is no price.", "Write a price of 0 to 1,000,000,000.")
    if not code:
        usage(f"The price {amount} has no currency.", "Add --currency, or a field `currency`.")
    return money_pb2.Money(currency_code=code.upper(), units=nanos // 10**9, nanos=nanos % 10**9)


def _problem(error: Exception) -> str:
    return "a value has the wrong type" if isinstance(error, TypeError | AttributeError) else str(error)
