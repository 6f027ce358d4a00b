"""Defects planted into real orders (online_retail), sought by the service's own import and rules."""

import csv
import io
import random
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from aisle_governance.domain.cleaning import Bots, Cleaning, FillMethod, MissingValues, OutlierMethod, Outliers
from aisle_governance.domain.kinds import ROW_ID, SOURCE_LINE, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.rules.bots import DropBots
from aisle_governance.domain.rules.chains import build_chain, run_chain
from aisle_governance.engines.governor import load_rows
from aisle_governance.engines.importer import import_file
from aisle_governance.engines.readers import Source

from benchmarks.cleaning import mirror

COLUMNS = {
    "order_id": "InvoiceNo",
    "product_id": "StockCode",
    "title": "Description",
    "quantity": "Quantity",
    "order_time": "InvoiceDate",
    "unit_price": "UnitPrice",
    "customer_id": "CustomerID",
    "country": "Country",
}
SHARE = 0.01
_WORDS = ("", "N/A", "null", "?", "-", "unknown")


@dataclass(frozen=True, slots=True)
class Found:
    """What was planted, and what was found."""

    planted: int
    right: int
    found: int

    @property
    def recall(self) -> float:
        """Share of the planted ones that were found."""
        return self.right / max(1, self.planted)

    @property
    def precision(self) -> float:
        """Share of the found ones that were planted."""
        return self.right / max(1, self.found)


def clean_orders() -> list[dict[str, str]]:
    """Order lines as SOURCE.md cleans them: known customer, quantity and price above 0, products only, no exact duplicate."""
    kept: dict[tuple[str, ...], dict[str, str]] = {}
    with zipfile.ZipFile(mirror.folder("online_retail") / "online_retail_by_day.zip") as archive:
        for name in sorted(one for one in archive.namelist() if one.endswith(".csv")):
            for row in csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")):
                usable = row["CustomerID"] and row["Description"] and not row["InvoiceNo"].startswith("C")
                numbers = usable and float(row["Quantity"]) > 0 and float(row["UnitPrice"]) > 0
                if numbers and re.search(r"\d{3}", row["StockCode"]):
                    kept[tuple(part.strip().lower() for part in row.values())] = row
    return list(kept.values())


def plant(rows: list[dict[str, str]], seed: int) -> tuple[list[dict[str, str]], dict[str, set[int]]]:
    """Rows with 1 % of each defect, each row with one at most, and by kind the positions that hold it."""
    rng = random.Random(seed)
    rows = [dict(row) for row in rows]
    count = int(SHARE * len(rows))
    chosen = rng.sample(range(len(rows)), 3 * count)
    truth: dict[str, set[int]] = {"outliers": set(chosen[:count]), "missing": set(chosen[count : 2 * count])}
    for place in truth["outliers"]:
        row = rows[place]
        if rng.random() < 0.5:
            factor = rng.choice((100.0, 0.01))
            row["UnitPrice"] = f"{max(0.0001, float(row['UnitPrice']) * factor):.6g}"
        else:
            row["Quantity"] = re.sub(r"\D", "", row["StockCode"])  # the code typed into the wrong field
    for place in truth["missing"]:
        rows[place][rng.choice(("Description", "Country"))] = rng.choice(_WORDS)
    truth["duplicates"] = set()
    for place in chosen[2 * count :]:
        truth["duplicates"].add(len(rows))
        copy = dict(rows[place])
        if rng.random() < 0.5:
            copy["Description"] = f" {copy['Description'].lower()}  "
            copy["CustomerID"] = copy["CustomerID"].removesuffix(".0") + ".0"
        rows.append(copy)
    return rows, truth


def found_defects(seed: int) -> dict[str, Found]:
    """Plant, import and clean; says by kind what was found."""
    rows, truth = plant(clean_orders(), seed)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "orders.csv", Path(folder) / "rows.parquet"
        with source.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(COLUMNS.values()))
            writer.writeheader()
            writer.writerows(rows)
        mapping = ColumnMapping(columns=COLUMNS, time_zone="Europe/London", cancellation_prefix="C")
        import_file(
            Source(source, DatasetKind.ORDERS, mapping, Dialect()),
            FileFormat.CSV,
            "imp",
            target,
            Path(folder) / "refused",
        )
        frame = load_rows([target], DatasetKind.ORDERS)
    cleaning = Cleaning(
        missing_values=(
            MissingValues("title", FillMethod.GROUP, group_columns=("product_id",)),
            MissingValues("country", FillMethod.GROUP, group_columns=("customer_id",)),
        ),
        outliers=(
            Outliers("unit_price", OutlierMethod.MAD, "product_id"),
            Outliers("quantity", OutlierMethod.MAD, "product_id"),
        ),
        repeated_rows=True,
    )
    line_of = dict(zip(frame[ROW_ID], frame[SOURCE_LINE] - 2, strict=True))
    chain = build_chain(DatasetKind.ORDERS, mapping, cleaning=cleaning)
    outcome = run_chain(chain, frame)
    by_rule = {name: {line_of[row] for row in group[ROW_ID]} for name, group in outcome.quarantined.groupby("_rule")}
    duplicates = by_rule.get("drop_exact_duplicates", set()) | by_rule.get("drop_repeated_rows", set())
    found = {
        "duplicates": duplicates,
        "outliers": by_rule.get("drop_outliers", set()),
        "missing": _filled(frame, chain, line_of),
    }
    return {kind: Found(len(truth[kind]), len(truth[kind] & where), len(where)) for kind, where in found.items()}


def _filled(frame: pd.DataFrame, chain: list, line_of: dict[str, int]) -> set[int]:  # type: ignore[type-arg]
    """Rows in which the rule for missing values has written something."""
    names = [rule.name for rule in chain]
    place = names.index("fill_missing_values")
    before = run_chain(chain[:place], frame).kept
    after = chain[place].apply(before).kept
    columns = ["title", "country"]
    changed = (before.loc[after.index, columns].fillna("") != after[columns].fillna("")).any(axis=1)
    return {line_of[row] for row in after.loc[changed, ROW_ID]}


def found_bots(seed: int) -> Found:
    """Real customers view each product before they buy it, with gaps like people's; 200 programs of four kinds act among them."""
    rng = np.random.default_rng(seed)
    orders = pd.DataFrame(clean_orders())
    orders = orders[orders["CustomerID"].isin(rng.choice(orders["CustomerID"].unique(), 1500, replace=False))]
    orders["time"] = pd.to_datetime(orders["InvoiceDate"]).astype("datetime64[s]").astype("int64").astype(float)
    buys = orders[["CustomerID", "StockCode", "time"]].assign(type="PURCHASE")
    views = buys.assign(type="VIEW")
    gaps = pd.Series(rng.lognormal(3.2, 1.0, len(views)), index=views.index)
    keys = [views["CustomerID"], views["time"]]
    views["time"] -= gaps.groupby(keys).cumsum()
    parts = [buys, views]
    products = orders["StockCode"].unique()
    first, last = orders["time"].min(), orders["time"].max()
    for number in range(200):
        begin = rng.uniform(first, last - 86_400)
        kind, times = ("VIEW", "VIEW", "VIEW", "CLICK")[number % 4], _program(number % 4, rng)
        seen = rng.choice(products, len(times)) if number % 4 in (0, 1) else rng.permutation(products)[: len(times)]
        seen = np.full(len(times), rng.choice(products)) if number % 4 == 3 else seen
        parts.append(
            pd.DataFrame(
                {"CustomerID": f"bot{number}", "StockCode": seen, "time": begin + times[: len(seen)], "type": kind}
            )
        )
    events = pd.concat(parts, ignore_index=True)
    frame = pd.DataFrame(
        {
            "visitor_id": events["CustomerID"].astype("str"),
            "customer_id": events["CustomerID"].astype("str"),
            "event_type": events["type"].astype("str"),
            "event_time": pd.to_datetime(events["time"], unit="s"),
            "product_id": events["StockCode"].astype("str"),
        }
    )
    out = DropBots(Bots()).apply(frame).quarantined["visitor_id"]
    planted = events["CustomerID"].str.startswith("bot")
    return Found(int(planted.sum()), int(out.str.startswith("bot").sum()), len(out))


def _program(kind: int, rng: np.random.Generator) -> "np.ndarray":  # type: ignore[type-arg]
    """Seconds at which a program acts: in bursts, like a clock, through the whole catalogue, or again and again on one product."""
    if kind == 0:
        return rng.exponential(0.8, 200).cumsum()
    if kind == 1:
        return np.maximum(rng.normal(30, 1, 200), 1).cumsum()
    if kind == 2:
        return rng.exponential(25, 2500).cumsum()
    return rng.exponential(40, 200).cumsum()
