"""Finds the demo's data: a local mirror, else openly licensed sets from their pinned origins, else a simulated shop."""

import csv
import hashlib
import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path

from aisle_demo import simulated
from aisle_demo.shop import OrderLine, Shop, SourceFile

KNOWN_UNTIL = "2011-09-01"
"""First day of Online Retail that the shop does not know at the start."""
QUICK_KNOWN_FROM = "2011-07-01"
"""First day that the quick demo takes in."""
QUICK_LATER_UNTIL = "2011-10-01"
"""First day that the quick demo leaves out at the end."""
QUICK_FOLDS = 2
"""Of the ten files of CrowdFlower judgments, how many the quick demo takes in; every file holds nearly all queries."""
WANDS_PER_QUERY = 40
"""WANDS holds about 490 judgments a query; scoring them all takes longer than the demo may."""

ORDER_COLUMNS = {
    "order_id": "InvoiceNo",
    "product_id": "StockCode",
    "title": "Description",
    "quantity": "Quantity",
    "order_time": "InvoiceDate",
    "unit_price": "UnitPrice",
    "customer_id": "CustomerID",
    "country": "Country",
}
RETAIL_DEFECTS = {
    "exact_duplicate": 5268,
    "missing_customer_id": 135080,
    "cancellation": 9288,
    "non_positive_price": 2517,
}
WANDS_GRADES = {"Exact": 3.0, "Partial": 1.0, "Irrelevant": 0.0}


class DataUnavailable(Exception):
    """A source cannot be had; the text says why."""


def find_shop(workdir: Path, *, quick: bool, say: Callable[[str], None]) -> Shop:
    """Return the best shop that can be had here, and say which one it is."""
    mirror = mirror_folder()
    if mirror is not None:
        shop = from_mirror(mirror, workdir, quick=quick)
    else:
        try:
            shop = from_origins(workdir, quick=quick)
        except DataUnavailable as error:
            say(
                f"No data mirror (AISLE_DATA_MIRROR) and no download ({error}): the demo runs on a shop that it simulates."
            )
            shop = simulated.make_shop(workdir, quick=quick)
    say(shop.origin)
    return shop


def mirror_folder() -> Path | None:
    """The folder named by AISLE_DATA_MIRROR, or ../shared/data beside the checkout; None when neither holds the sets."""
    named = os.environ.get("AISLE_DATA_MIRROR")
    candidates = [Path(named)] if named else [Path.cwd().parent / "shared" / "data"]
    for folder in candidates:
        if (folder / "crowdflower_search").is_dir() and (folder / "online_retail").is_dir():
            return folder
    return None


def from_mirror(mirror: Path, workdir: Path, *, quick: bool) -> Shop:
    """CrowdFlower search relevance and Online Retail out of a mirror."""
    folds = sorted((mirror / "crowdflower_search").glob("fold-*.csv"), key=lambda path: int(path.stem.split("-")[1]))
    folds = folds[:QUICK_FOLDS] if quick else folds
    columns = {
        "query": "query",
        "title": "product_title",
        "description": "product_description",
        "grade": "median_relevance",
        "grade_variance": "relevance_variance",
    }
    grades: dict[tuple[str, str], float] = {}
    for fold in folds:
        with fold.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                grades[(row["query"], row["product_title"])] = float(row["median_relevance"]) - 1.0
    with zipfile.ZipFile(mirror / "online_retail" / "online_retail_by_day.zip") as archive:
        days = {Path(name).stem: archive.read(name) for name in sorted(archive.namelist()) if name.endswith(".csv")}
    return _retail_shop(
        workdir,
        days,
        quick=quick,
        name="crowdflower_search + online_retail",
        origin=f"Data: crowdflower_search ({len(grades):,} different judged query-product pairs; evaluation only) and "
        "online_retail (orders of a UK gift shop; Chen, Sain and Guo 2012), read from the mirror.",
        judgments=[SourceFile(_concatenate((fold.read_bytes() for fold in folds), workdir / "judgments.csv"), columns)],
        grade_offset=1.0,
        grades=grades,
    )


def from_origins(workdir: Path, *, quick: bool) -> Shop:
    """WANDS (MIT) and Online Retail (CC BY), downloaded once from pinned public origins and verified by git blob id."""
    pins = json.loads(resources.files("aisle_demo").joinpath("pins.json").read_text(encoding="utf-8"))
    cache = workdir / "downloads"
    wands = {
        name: fetch(pins["wands"]["base_url"], name, blob, cache / "wands")
        for name, blob in pins["wands"]["files"].items()
    }
    days = {
        Path(name).stem: fetch(pins["online_retail"]["base_url"], name, blob, cache / "online_retail").read_bytes()
        for name, blob in pins["online_retail"]["files"].items()
    }
    judged = workdir / "wands_judgments.csv"
    grades = join_wands(wands["product.csv"], wands["query.csv"], wands["label.csv"], judged)
    return _retail_shop(
        workdir,
        days,
        quick=quick,
        name="wands + online_retail",
        origin=f"Data: WANDS (Wayfair, MIT licence; at most {WANDS_PER_QUERY} judgments a query) and Online Retail "
        "(UCI, CC BY 4.0; Chen, Sain and Guo 2012), downloaded and verified.",
        judgments=[SourceFile(judged, {})],
        grade_offset=0.0,
        grades=grades,
    )


def git_blob_id(data: bytes) -> str:
    """The id that git gives to these bytes: sha1 of `blob SIZE NUL` and the bytes, 40 hex digits."""
    return hashlib.sha1(b"blob %d\x00" % len(data) + data, usedforsecurity=False).hexdigest()


def fetch(base_url: str, name: str, blob_id: str, folder: Path) -> Path:
    """Download a file unless the cache holds it; raise DataUnavailable when it cannot be had or is not the pinned one."""
    import pooch

    target = folder / name
    if not (target.is_file() and git_blob_id(target.read_bytes()) == blob_id):
        target.unlink(missing_ok=True)
        downloader = pooch.HTTPDownloader(timeout=10, progressbar=False)
        try:
            pooch.retrieve(f"{base_url}/{name}", known_hash=None, fname=name, path=folder, downloader=downloader)
        except (OSError, ValueError) as error:
            raise DataUnavailable(f"{name}: {type(error).__name__}") from error
        if git_blob_id(target.read_bytes()) != blob_id:
            target.unlink()
            raise DataUnavailable(f"{name}: not the pinned file")
    return target


def join_wands(products: Path, queries: Path, labels: Path, target: Path) -> dict[tuple[str, str], float]:
    """Write WANDS as one judgments CSV (query, product_id, title, description, grade) and return its grades.

    Of each query the judgments with the smallest hashes are kept, WANDS_PER_QUERY of them.
    """
    titles = {row["product_id"]: row for row in _tab_separated(products)}
    names = {row["query_id"]: row["query"] for row in _tab_separated(queries)}
    by_query: dict[str, list[tuple[str, str, float]]] = {}
    for row in _tab_separated(labels):
        key = hashlib.sha256(f"{row['query_id']}/{row['product_id']}".encode()).hexdigest()
        by_query.setdefault(row["query_id"], []).append((key, row["product_id"], WANDS_GRADES[row["label"]]))
    grades: dict[tuple[str, str], float] = {}
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "product_id", "title", "description", "grade"])
        for query_id, judged in by_query.items():
            for _, product_id, grade in sorted(judged)[:WANDS_PER_QUERY]:
                product = titles[product_id]
                title = product["product_name"]
                writer.writerow([names[query_id], product_id, title, product["product_description"], grade])
                grades[(names[query_id], title)] = grade
    return grades


def _tab_separated(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t")


def _retail_shop(
    workdir: Path,
    days: dict[str, bytes],
    *,
    quick: bool,
    name: str,
    origin: str,
    judgments: list[SourceFile],
    grade_offset: float,
    grades: dict[tuple[str, str], float],
) -> Shop:
    """Split Online Retail in time and put it beside the judgments."""
    first, last = (QUICK_KNOWN_FROM, QUICK_LATER_UNTIL) if quick else ("", "9999")
    chosen = {day: data for day, data in days.items() if first <= day < last}
    known = [data for day, data in chosen.items() if day < KNOWN_UNTIL]
    later = {day: data for day, data in chosen.items() if day >= KNOWN_UNTIL}
    workdir.mkdir(parents=True, exist_ok=True)
    counted = Counter(query for query, _ in grades)
    return Shop(
        name=name,
        origin=origin,
        judgments=judgments,
        grade_offset=grade_offset,
        orders_known=SourceFile(_concatenate(known, workdir / "orders_known.csv"), ORDER_COLUMNS),
        orders_later=SourceFile(_concatenate(later.values(), workdir / "orders_later.csv"), ORDER_COLUMNS),
        replay_day=list(_order_lines(next(iter(later.values())))),
        time_zone="Europe/London",
        currency="GBP",
        cancellation_prefix="C",
        queries=[query for query, _ in counted.most_common()],
        grades=grades,
        published_defects={} if quick else RETAIL_DEFECTS,
    )


def _concatenate(parts: Iterable[bytes], target: Path) -> Path:
    """Write CSV parts that share a header as one file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for index, part in enumerate(parts):
            rows = part if index == 0 else part.split(b"\n", 1)[1]
            file.write(rows if rows.endswith(b"\n") else rows + b"\n")
    return target


def _order_lines(data: bytes) -> Iterator[OrderLine]:
    """The day's real purchases: customer known, no cancellation, something bought."""
    for row in csv.DictReader(io.StringIO(data.decode("utf-8"))):
        if row["CustomerID"] and not row["InvoiceNo"].startswith("C") and int(row["Quantity"]) > 0:
            yield OrderLine(
                customer_id=row["CustomerID"].removesuffix(".0"),
                product_id=row["StockCode"],
                title=row["Description"],
                time=datetime.fromisoformat(row["InvoiceDate"]),
            )
