"""200,000 product titles with planted copies and planted variants.

Base titles are real (bestbuy_catalog, amazon_beauty, crowdflower_search). Titles that share half of all their words with another
are left out first, because nobody knows whether those are one product. A copy is a title as another clerk would have typed it; a
variant is another product of the same family: it differs in an amount, a colour, a size or one digit of its model number.
"""

import csv
import io
import random
import re
import tarfile
from collections import Counter, defaultdict
from dataclasses import dataclass

from benchmarks.cleaning import mirror

_WORD = re.compile(r"[^\W_]+")
_MODEL = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[0-9])\w{4,}\b")
_FAMILIES = (
    (("50 ml", "75 ml", "100 ml", "200 ml", "250 ml", "500 ml", "1 l"), ("ml", "oz", "ounce", "liter")),
    (
        ("2-Pack", "3-Pack", "4-Pack", "6-Pack", "8-Pack", "12-Pack", "24-Pack"),
        ("pack", "count", "piece", "pcs", "set"),
    ),
    (
        ("Red", "Blue", "Green", "Black", "White", "Purple", "Orange"),
        ("red", "blu", "green", "black", "white", "silver", "pink", "colo", "gold", "grey", "gray"),
    ),
    (("XS", "Small", "Medium", "Large", "XL", "XXL"), ("small", "medium", "large", "xl", "mini", "size")),
    (("4 GB", "8 GB", "16 GB", "32 GB", "64 GB", "128 GB", "256 GB"), ("gb", "mb", "tb")),
)
"""Endings that make a family, and what a title that already speaks of such a thing holds."""
_FILLERS = ("New", "- New", "Free Shipping", "(New in Box)", "Original", "Sale!")


@dataclass(frozen=True, slots=True)
class Planted:
    """Titles and, per title, the number of the product that it names."""

    titles: list[str]
    products: list[int]


def base_titles() -> list[str]:
    """Distinct real titles of four words or more, in a fixed order."""
    found: dict[str, None] = {}
    with tarfile.open(mirror.folder("bestbuy_catalog") / "products.tgz") as archive:
        name = next(member for member in archive.getmembers() if member.name.endswith("products.csv"))
        file = archive.extractfile(name)
        assert file is not None
        for row in csv.reader(io.TextIOWrapper(file, "utf-8", errors="replace"), escapechar="\\"):
            if len(row) > 1:
                found[row[1]] = None
    text = (mirror.folder("amazon_beauty") / "item_list.txt").read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines()[1:]:
        match = re.match(r"^(\S+) (\d+) ?\"?(.*?)\"?$", line)
        if match:
            found[match.group(3)] = None
    for fold in sorted(mirror.folder("crowdflower_search").glob("fold-*.csv")):
        with fold.open(encoding="utf-8", newline="") as rows:
            found |= dict.fromkeys(row["product_title"] for row in csv.DictReader(rows))
    kept = [title for title in found if 4 <= len(_WORD.findall(title)) <= 25 and len(title) >= 20]
    return _apart(kept)


def _apart(titles: list[str]) -> list[str]:
    """Leave out titles that share half of all their words with an earlier one."""
    sets = [frozenset(_WORD.findall(title.lower())) for title in titles]
    spread = Counter(word for words in sets for word in words)
    holders: dict[str, list[int]] = defaultdict(list)
    kept: list[int] = []
    for index, words in enumerate(sets):
        rare = sorted(words, key=lambda word: (spread[word], word))
        prefix = rare[: len(rare) - int(0.5 * len(rare)) + 1]
        near = {other for word in prefix for other in holders[word]}
        if all(len(words & sets[other]) < 0.5 * len(words | sets[other]) for other in near):
            kept.append(index)
            for word in prefix:
                holders[word].append(index)
    return [titles[index] for index in kept]


def plant(base: list[str], total: int, seed: int, *, copies: float = 0.2) -> Planted:
    """`total` titles in random order, a share `copies` of them copies; variants fill what the base leaves open."""
    rng = random.Random(seed)
    products = list(base)
    rng.shuffle(products)
    wanted = int(total * (1 - copies))
    originals: list[str] = []
    for title in products:
        left = wanted - len(originals)
        if left <= 0:
            break
        originals += _family(title, rng)[:left]
    if len(originals) < wanted:
        raise SystemExit(f"only {len(originals)} products could be made of {len(base)} titles")
    rows = list(enumerate(originals))
    rows += [(product, _copy(originals[product], rng)) for product in rng.choices(range(wanted), k=total - wanted)]
    rng.shuffle(rows)
    return Planted([title for _, title in rows], [product for product, _ in rows])


def _family(title: str, rng: random.Random) -> list[str]:
    """The title alone, or three to seven products that differ in one fact."""
    model = _MODEL.search(title)
    if model and rng.random() < 0.5:
        word = model.group(0)
        place = rng.choice([index for index, char in enumerate(word) if char.isdigit()])
        digits = rng.sample([digit for digit in "0123456789" if digit != word[place]], 2)
        others = [word[:place] + digit + word[place + 1 :] for digit in digits]
        return [title, *(title.replace(word, other) for other in others)]
    words = set(_WORD.findall(title.lower()))
    fitting = [family for family, taken in _FAMILIES if not any(part in word for word in words for part in taken)]
    if not fitting or rng.random() < 0.1:
        return [title]
    return [f"{title}, {word}" for word in rng.choice(fitting)]


def _copy(title: str, rng: random.Random) -> str:
    """`title` with one to three changes that leave every number, size and colour as it is."""
    for change in rng.sample(_CHANGES, rng.choice((1, 1, 2, 3))):
        title = change(title, rng)
    return title


def _case(title: str, rng: random.Random) -> str:
    return title.upper() if rng.random() < 0.5 else title.lower()


def _marks(title: str, rng: random.Random) -> str:
    return " ".join(re.sub(r"[,&/()|:-]+", " ", title).split())


def _swap(title: str, rng: random.Random) -> str:
    """The words before the last comma change places around another one."""
    words = title.split(" ")
    place = rng.randrange(len(words) - 1)
    if any(char.isdigit() for char in words[place] + words[place + 1]):
        return title
    words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def _typo(title: str, rng: random.Random) -> str:
    words = title.split(" ")
    long = [index for index, word in enumerate(words) if len(word) >= 6 and word.isalpha()]
    if not long:
        return title
    index = rng.choice(long)
    word, place = words[index], rng.randrange(1, len(words[index]) - 1)
    words[index] = rng.choice(
        (
            word[:place] + word[place + 1 :],
            word[:place] + rng.choice("aeinrst") + word[place:],
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
        )
    )
    return " ".join(words)


def _filler(title: str, rng: random.Random) -> str:
    return f"{title} {rng.choice(_FILLERS)}"


def _drop(title: str, rng: random.Random) -> str:
    """Without one plain word, when six are left."""
    words = title.split(" ")
    plain = [index for index, word in enumerate(words[:-1]) if word.isalpha() and word.lower() not in _FACTS]
    if len(words) < 7 or not plain:
        return title
    del words[rng.choice(plain)]
    return " ".join(words)


_FACTS = {
    "orange",
    "purple",
    "xs",
    "xxl",
    "red",
    "blue",
    "green",
    "black",
    "small",
    "medium",
    "large",
    "xl",
    "white",
    "silver",
    "pink",
}
_CHANGES = (_case, _marks, _swap, _typo, _filler, _drop)


def pair_scores(products: list[int], clusters: list[int]) -> tuple[float, float, float]:
    """Precision, recall and F1 over all pairs of rows: same cluster found, same product true."""
    both = Counter(zip(products, clusters, strict=True))

    def pairs(counts: Counter[object]) -> int:
        return sum(count * (count - 1) // 2 for count in counts.values())

    right, found, true = pairs(Counter(both)), pairs(Counter(clusters)), pairs(Counter(products))
    precision, recall = right / max(1, found), right / max(1, true)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)
