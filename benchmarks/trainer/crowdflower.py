"""crowdflower_search as the trainer's search data: queries split by their hash, as every training job splits them."""

import functools
import hashlib

import pandas as pd
import pyarrow as pa
from aisle_trainer.engines.search_data import SearchData, build_search_data

from benchmarks.cleaning.mirror import folder

SPLIT = "fixed split by query: sha256(query_id)[:8] mod 10, 0-4 training, 5 validation, 6-9 test"


@functools.cache
def rows() -> pd.DataFrame:
    """All ten folds in their order."""
    files = sorted(folder("crowdflower_search").glob("fold-*.csv"), key=lambda path: int(path.stem.split("-")[1]))
    found = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    return found.fillna({"product_description": ""})


@functools.cache
def judgments() -> SearchData:
    """Queries and titles with grades 0 to 3."""
    found = rows()
    columns = {
        "query": found["query"],
        "query_id": found["query"].map(_digest),
        "product_id": "t-" + found["product_title"].map(_digest),
        "title": found["product_title"],
        "grade": found["median_relevance"].astype(float) - 1,
    }
    return build_search_data(
        pa.table({name: pa.array(values) for name, values in columns.items()}), "crowdflower_search"
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
