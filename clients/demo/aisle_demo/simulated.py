"""A simulated shop with catalogue, judged queries, shoppers, a year of orders, and the dirt that real exports have.

Everything is drawn from one seed, so two runs give the same files. The figures made on it say how the platform behaves,
not how good it is on a real shop.
"""

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from aisle_demo.shop import OrderLine, Shop, SourceFile

KINDS: dict[str, tuple[str, ...]] = {
    "garden": ("watering can", "plant pot", "garden fork", "bird feeder", "seed tray", "garden lantern"),
    "kitchen": ("mixing bowl", "cake tin", "tea towel", "storage jar", "coffee mug", "lunch box"),
    "bedroom": ("duvet cover", "pillow case", "bedside lamp", "alarm clock", "wool blanket", "laundry basket"),
    "office": ("desk organiser", "notebook", "pencil case", "wall calendar", "desk lamp", "paper tray"),
    "toys": ("wooden train", "building blocks", "jigsaw puzzle", "skipping rope", "doll house", "spinning top"),
    "party": ("paper plates", "party bunting", "gift bag", "birthday candles", "wrapping paper", "party hats"),
}
COLOURS = ("red", "blue", "green", "white", "black", "pink", "yellow", "grey")
STYLES = ("vintage", "modern", "retro", "rustic", "floral", "striped", "spotted", "plain")
SIZES = ("small", "medium", "large")
SYNONYMS = {"notebook": "jotter", "coffee mug": "coffee cup", "wool blanket": "throw", "gift bag": "present bag"}
PEAK = {"party": (11, 12), "garden": (4, 5, 6), "toys": (11, 12)}
ABROAD_FROM = datetime(2025, 9, 1)
"""From then on the shop advertises in France: what arrives later differs from what the first model was taught."""
ABROAD_SHARES = (0.1, 0.35)
"""Share of orders from France before and after."""
COLUMNS = {"title": "name", "order_time": "placed_at", "unit_price": "price", "customer_id": "customer"}


@dataclass(frozen=True, slots=True)
class Product:
    """A product with the attributes behind its title."""

    product_id: str
    kind: str
    noun: str
    colour: str
    style: str
    size: str
    price: float

    @property
    def title(self) -> str:
        """Words as a shop would write them."""
        return f"{self.style} {self.colour} {self.noun} {self.size}".upper()


def make_shop(
    workdir: Path,
    *,
    quick: bool,
    seed: int = 7,
    products: int = 900,
    customers: int = 700,
    queries: int = 150,
    orders: int = 9000,
) -> Shop:
    """Write the files of a simulated shop below `workdir` and describe them.

    products, customers, queries and orders are counts; `quick` halves customers and orders.
    """
    if quick:
        customers, orders = customers // 2, orders // 2
    rng = np.random.default_rng(seed)
    workdir.mkdir(parents=True, exist_ok=True)
    catalogue = _catalogue(rng, products)
    grades = _judge(rng, catalogue, queries)
    lines = _orders(rng, catalogue, customers, orders)
    judged = workdir / "judgments.csv"
    _write(judged, ["query", "title", "description", "grade", "grade_variance"], _judgment_rows(rng, grades))
    cut = ABROAD_FROM.date().isoformat()
    known, later = [row for row in lines if row[4] < cut], [row for row in lines if row[4] >= cut]
    header = ["order_id", "product_id", "name", "quantity", "placed_at", "price", "customer", "country"]
    _write(workdir / "orders_known.csv", header, _with_dirt(rng, known))
    _write(workdir / "orders_later.csv", header, _with_dirt(rng, later))
    first_day = later[0][4][:10]
    replay = [
        OrderLine(customer_id=row[6], product_id=row[1], title=row[2], time=datetime.fromisoformat(row[4]))
        for row in later
        if row[4].startswith(first_day)
    ]
    return Shop(
        name="simulated shop",
        origin=f"Data: a simulated shop ({products} products, {customers} shoppers, {orders} orders, seed {seed}); "
        "its figures show the machinery, not quality on real data.",
        judgments=[SourceFile(judged, {})],
        grade_offset=0.0,
        orders_known=SourceFile(workdir / "orders_known.csv", COLUMNS),
        orders_later=SourceFile(workdir / "orders_later.csv", COLUMNS),
        replay_day=replay,
        time_zone="Europe/London",
        currency="GBP",
        cancellation_prefix="C",
        queries=list(dict.fromkeys(query for query, _ in grades)),
        grades=grades,
    )


def _catalogue(rng: np.random.Generator, count: int) -> list[Product]:
    kinds = list(KINDS)
    made: dict[str, Product] = {}
    while len(made) < count:
        kind = kinds[int(rng.integers(len(kinds)))]
        product = Product(
            product_id=f"P{10000 + len(made)}",
            kind=kind,
            noun=str(rng.choice(KINDS[kind])),
            colour=str(rng.choice(COLOURS)),
            style=str(rng.choice(STYLES)),
            size=str(rng.choice(SIZES)),
            price=round(float(rng.lognormal(1.2, 0.6)), 2),
        )
        made.setdefault(product.title, product)
    return list(made.values())


def _judge(rng: np.random.Generator, catalogue: list[Product], count: int) -> dict[tuple[str, str], float]:
    """Grade products for queries: noun and attributes right 3, noun right 2 or 1, same kind 0 or 1, else 0."""
    grades: dict[tuple[str, str], float] = {}
    seen: set[str] = set()
    while len(seen) < count:
        wanted = catalogue[int(rng.integers(len(catalogue)))]
        noun = SYNONYMS.get(wanted.noun, wanted.noun) if rng.random() < 0.4 else wanted.noun
        words = [word for word in (wanted.style, wanted.colour) if rng.random() < 0.5]
        query = " ".join([*words, noun])
        if query in seen:
            continue
        seen.add(query)
        near = [product for product in catalogue if product.kind == wanted.kind]
        far = [catalogue[int(index)] for index in rng.integers(len(catalogue), size=8)]
        same = [product for product in near if product.noun == wanted.noun][:14]
        others = [near[int(index)] for index in rng.integers(len(near), size=10)]
        for product in [*same, *others, *far]:
            grades[(query, product.title)] = _grade(product, wanted, words)
    return grades


def _grade(product: Product, wanted: Product, words: list[str]) -> float:
    if product.noun != wanted.noun:
        return 1.0 if product.kind == wanted.kind and product.colour == wanted.colour else 0.0
    missing = sum(word not in (product.style, product.colour) for word in words)
    return (3.0, 2.0, 1.0)[missing]


def _orders(rng: np.random.Generator, catalogue: list[Product], customers: int, orders: int) -> list[list[str]]:
    """Order lines by time; shoppers keep to a few kinds and colours, and the season moves the kinds."""
    taste = rng.dirichlet([0.3] * len(KINDS), size=customers)
    colour = rng.dirichlet([0.4] * len(COLOURS), size=customers)
    kinds = list(KINDS)
    by_kind = {kind: [product for product in catalogue if product.kind == kind] for kind in kinds}
    appeal = {kind: rng.zipf(1.6, size=len(items)).clip(1, 50) for kind, items in by_kind.items()}
    start = datetime(2024, 12, 1)
    rows: list[list[str]] = []
    moments = np.sort(rng.integers(0, 365 * 24 * 60, size=orders))
    for number, minute in enumerate(moments):
        moment = start + timedelta(minutes=int(minute))
        customer = int(rng.integers(customers))
        season = np.array([3.0 if moment.month in PEAK.get(kind, ()) else 1.0 for kind in kinds])
        weights = taste[customer] * season
        kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
        items = by_kind[kind]
        liking = appeal[kind] * np.array([0.1 + colour[customer][COLOURS.index(item.colour)] for item in items])
        size = min(int(rng.integers(1, 6)), len(items))
        for index in rng.choice(len(items), size=size, replace=False, p=liking / liking.sum()):
            item = items[int(index)]
            quantity = str(int(rng.integers(1, 12)))
            country = "France" if rng.random() < ABROAD_SHARES[moment >= ABROAD_FROM] else "United Kingdom"
            shopper = f"c{customer:05d}"
            rows.append(
                [
                    f"{500000 + number}",
                    item.product_id,
                    item.title,
                    quantity,
                    moment.isoformat(" "),
                    f"{item.price:.2f}",
                    shopper,
                    country,
                ]
            )
    return rows


def _with_dirt(rng: np.random.Generator, rows: list[list[str]]) -> list[list[str]]:
    """Repeat, blank, cancel, misprice and mark up some rows, as exports of real shops do."""
    dirty: list[list[str]] = []
    for row in rows:
        dirty.append(row)
        draw = rng.random()
        if draw < 0.01:
            dirty.append(list(row))
        elif draw < 0.05:
            dirty[-1] = [*row[:6], "", row[7]]
        elif draw < 0.065:
            dirty.append([f"C{row[0]}", row[1], row[2], f"-{row[3]}", *row[4:]])
        elif draw < 0.07:
            dirty[-1] = [*row[:5], "0.00", *row[6:]]
        elif draw < 0.08:
            dirty[-1] = [row[0], row[1], f"<b>{row[2]}</b>&nbsp;", *row[3:]]
    return dirty


def _judgment_rows(rng: np.random.Generator, grades: dict[tuple[str, str], float]) -> list[list[str]]:
    return [
        [
            query,
            title,
            f"<p>{title.title()} for your home</p>",
            f"{grade:.0f}",
            f"{0.471 if rng.random() < 0.2 else 0.0}",
        ]
        for (query, title), grade in grades.items()
    ]


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
