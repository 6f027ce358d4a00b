"""Labels as the rows of an import, so that the next governance run takes them in like a file's."""

from hashlib import blake2b

import pandas as pd
import pyarrow as pa

from aisle_governance.domain.kinds import (
    IMPORT,
    ROW_ID,
    SOURCE_HASH,
    SOURCE_LINE,
    SOURCE_MEMBER,
    TIME_IS_UTC,
    DatasetKind,
)
from aisle_governance.engines.importer import import_schema, row_id


def label_rows(labels: pd.DataFrame, products: pd.DataFrame | None, build: str, grade_offset: float) -> pa.Table:
    """Rows of an import into a dataset of judgments whose mapping subtracts `grade_offset`.

    Titles and descriptions come from `products`, and a label of a product that is not there is left out; without products a title
    is the product's id. The source line of a row is its number, from 1.
    """
    if products is None:
        named = labels.assign(title=labels["product_id"], description=None)
    else:
        texts = products[["product_id", "title", "description"]].drop_duplicates("product_id")
        named = labels.merge(texts, on="product_id", how="inner")
    schema = import_schema(DatasetKind.JUDGMENTS)
    count = len(named)
    lines = list(range(1, count + 1))
    given = {
        **{
            name: named[name].astype("object")
            for name in ("query", "product_id", "title", "description", "label_source")
        },
        "grade": named["grade"].astype("float64") + grade_offset,
        "grade_variance": named["grade_variance"].astype("float64"),
        ROW_ID: [row_id(build, "", line) for line in lines],
        IMPORT: [build] * count,
        SOURCE_LINE: lines,
        SOURCE_MEMBER: [""] * count,
        SOURCE_HASH: [
            _digest(query, product) for query, product in zip(named["query"], named["product_id"], strict=True)
        ],
        TIME_IS_UTC: [False] * count,
    }
    arrays = [
        pa.array(given[field.name], _plain(field.type), from_pandas=True).cast(field.type)
        if field.name in given
        else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _plain(wanted: pa.DataType) -> pa.DataType:
    return wanted.value_type if pa.types.is_dictionary(wanted) else wanted


def _digest(query: str, product: str) -> str:
    return blake2b(f"{query}\x1f{product}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
