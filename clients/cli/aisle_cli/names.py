"""Short names that people type, turned into the resource names of the contracts, and readers of `KEY=VALUE` options."""

import math
import uuid
from collections.abc import Iterable

from aisle_cli.failures import usage


def dataset(text: str) -> str:
    """`orders` or `datasets/orders` -> `datasets/orders`."""
    return text if text.startswith("datasets/") else f"datasets/{text}"


def dataset_version(text: str) -> str:
    """`orders/3` -> `datasets/orders/versions/3`; without a number the newest version."""
    short = text.removeprefix("datasets/").replace("/versions/", "/")
    name, _, version = short.partition("/")
    return f"datasets/{name}/versions/{version or 'latest'}"


def dataset_or_version(text: str) -> str:
    """`orders` -> `datasets/orders`, `orders/3` -> `datasets/orders/versions/3`."""
    return dataset_version(text) if "/" in text.removeprefix("datasets/") else dataset(text)


def model(text: str) -> str:
    """`shop-ranker` -> `models/shop-ranker`."""
    return text if text.startswith("models/") else f"models/{text}"


def model_version(text: str) -> str:
    """`shop-ranker/3` -> `models/shop-ranker/versions/3`; `shop-ranker@production` -> `models/shop-ranker@production`."""
    short = text.removeprefix("models/").replace("/versions/", "/")
    name, slash, version = short.partition("/")
    if not slash and "@" not in name:
        usage(f"{text} names no version.", "Write MODEL/VERSION or MODEL@ALIAS, for example shop-ranker/3.")
    return f"models/{name}/versions/{version}" if slash else f"models/{name}"


def pipeline(text: str) -> str:
    """`refresh` -> `pipelines/refresh`."""
    return text if text.startswith("pipelines/") else f"pipelines/{text}"


def pipeline_run(text: str) -> str:
    """`refresh/RUN` -> `pipelines/refresh/runs/RUN`."""
    short = text.removeprefix("pipelines/").replace("/runs/", "/")
    name, _, run = short.partition("/")
    if not name or not run:
        usage(f"{text} names no run.", "Write PIPELINE/RUN as `aisle runs list` shows it.")
    return f"pipelines/{name}/runs/{run}"


def of(collection: str, text: str) -> str:
    """`x` -> `{collection}/x`; a full name stays."""
    return text if text.startswith(f"{collection}/") else f"{collection}/{text}"


def short(name: str) -> str:
    """The inverse for tables: `datasets/orders/versions/3` -> `orders/3`."""
    parts = name.split("/")
    return "/".join(parts[1::2]) if len(parts) % 2 == 0 else name


def new_request_id() -> str:
    """A fresh id that makes one mutation safe to repeat."""
    return uuid.uuid4().hex


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """Read `KEY=VALUE` options; a key without value, or one given twice, ends the command."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            usage(f"{option} {text}: it is not KEY=VALUE.")
        if key in found:
            usage(f"{option} {text}: {key} was given before.")
        found[key] = value
    return found


def number(text: str, option: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        usage(f"{option}: {text} is not a number.")
    return value
