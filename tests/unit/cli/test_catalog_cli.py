"""`aisle catalog` and the options of `aisle search` against stand-ins."""

import json
from pathlib import Path

import pytest
from aisle.ranker.v1 import catalog_service_pb2 as pb
from aisle.ranker.v1 import product_pb2, ranker_service_pb2, ranking_pb2
from aisle_ranker.errors import UnknownProduct
from cli_support import Fakes


def test_products_of_a_file_are_brought_in_batches(fakes: Fakes, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    lines = [f'p{number},"Mug {number}",4.5,,3,red' for number in range(501)]
    file.write_text("\n".join(["product_id,title,price,currency,stock,attributes.colour", *lines]))
    fakes.answers["UpsertProducts"] = lambda request: pb.UpsertProductsResponse(added_count=len(request.products))
    told = json.loads(fakes.run("catalog", "upsert", str(file), "--currency", "gbp", "--json").stdout)
    assert (told["added_count"], told["replaced_count"]) == (501, 0)
    first, second = fakes.asked("UpsertProducts")
    assert (len(first.products), len(second.products)) == (500, 1)
    assert first.request_id
    assert first.request_id != second.request_id
    one = second.products[0]
    assert (one.product_id, one.title, one.stock_count, dict(one.attributes)) == (
        "p500",
        "Mug 500",
        3,
        {"colour": "red"},
    )
    assert (one.price.currency_code, one.price.units, one.price.nanos) == ("GBP", 4, 500_000_000)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"product_id": "a", "title": "b", "price": "cheap", "currency": "GBP"}', "no amount"),
        ('{"product_id": "a", "title": "b", "price": NaN, "currency": "GBP"}', "no amount"),
        ('{"product_id": "a", "title": "b", "price": 3}', "no currency"),
        ('{"product_id": "a", "title": "b", "stock": "many"}', "entry 1"),
        ('["a"]', "no JSON object"),
        ("{", "no JSON object"),
    ],
)
def test_a_bad_entry_is_told_before_anything_is_sent(fakes: Fakes, tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "products.jsonl"
    file.write_text(line + "\n")
    assert problem in fakes.run("catalog", "upsert", str(file), code=2).stderr
    assert not fakes.requests


def test_a_product_is_changed_shown_and_deleted(fakes: Fakes) -> None:
    fakes.answers["UpdateStockAndPrice"] = pb.UpdateStockAndPriceResponse(changed_count=1)
    fakes.answers["DeleteProducts"] = pb.DeleteProductsResponse(deleted_count=2)
    shown = product_pb2.Product(product_id="m1", title="Mug", category="Home > Mugs", stock_count=0)
    fakes.answers["GetProduct"] = pb.GetProductResponse(product=shown)
    assert "m1 changed" in fakes.run("catalog", "update", "m1", "--price", "9.99 EUR", "--stock", "0").stdout
    change = fakes.asked("UpdateStockAndPrice")[0].changes[0]
    assert (change.price.currency_code, change.price.nanos, change.HasField("stock_count")) == (
        "EUR",
        990_000_000,
        True,
    )
    fakes.run("catalog", "update", "m1", code=2)
    assert "Home > Mugs" in fakes.run("catalog", "get", "m1").stdout
    assert "2 products deleted" in fakes.run("catalog", "delete", "m1", "m2").stdout
    fakes.answers["GetProduct"] = UnknownProduct("product_id", "m1", "Use an id of the catalogue.")
    assert "Use an id of the catalogue" in fakes.run("catalog", "get", "m1", code=4).stderr


def test_stats_and_synonyms(fakes: Fakes) -> None:
    stats = product_pb2.CatalogStats(product_count=1200, last_failure_reason="CATALOG_UNREADABLE")
    fakes.answers["GetCatalogStats"] = pb.GetCatalogStatsResponse(stats=stats)
    printed = fakes.run("catalog", "stats").stdout
    assert "1,200" in printed
    assert "CATALOG_UNREADABLE" in printed
    group = product_pb2.SynonymSet(synonym_set_id="cups", terms=["mug", "beaker"])
    fakes.answers["UpdateSynonymSet"] = pb.UpdateSynonymSetResponse(synonym_set=group)
    fakes.answers["ListSynonymSets"] = pb.ListSynonymSetsResponse(synonym_sets=[group])
    fakes.answers["DeleteSynonymSet"] = pb.DeleteSynonymSetResponse()
    fakes.run("catalog", "set-synonyms", "cups", "mug", "beaker")
    assert "beaker" in fakes.run("catalog", "synonyms").stdout
    fakes.run("catalog", "delete-synonyms", "cups")
    assert fakes.asked("DeleteSynonymSet")[0].synonym_set_id == "cups"


def test_search_sends_filter_facets_and_order_and_shows_what_was_changed(fakes: Fakes) -> None:
    answer = ranker_service_pb2.SearchResponse(
        results=[ranking_pb2.RankingResult(product_id="m1", title="Mug", position=1)],
        total_count=7,
        corrected_query="mug",
        next_page_token="next",
    )
    answer.facets.add(key="brand").counts.add(value="Clay", count=5, filter='brand: ANY("Clay")')
    answer.relaxations.add(reason="FILTER_TERM", dropped_filter="price < 1")
    fakes.answers["Search"] = answer
    options = ["--filter", "price < 1", "--facet", "brand", "--facet", "price=10,50", "--sort", "price", "--strict"]
    printed = fakes.run("search", "mgu", *options).stdout
    request = fakes.asked("Search")[0]
    assert (request.filter, request.order_by, request.skip_relaxation) == ("price < 1", "price", True)
    assert [(facet.key, list(facet.bounds)) for facet in request.facets] == [("brand", []), ("price", [10, 50])]
    for part in ("7 products match", "price < 1", "Clay", "--page-token next", '"mug"'):
        assert part in printed
    fakes.run("search", "--filter", "in_stock")
    assert fakes.asked("Search")[1].query == ""
    fakes.run("search", "mug", "--facet", "price=cheap", code=2)
