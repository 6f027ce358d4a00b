"""Orders or user events as one sequence of items per customer."""

import numpy as np
import pandas as pd
import pyarrow as pa

from aisle_trainer.domain.sequences import FEWEST_EVENTS, SequenceData
from aisle_trainer.domain.splits import DAY_US
from aisle_trainer.engines.search_data import require_columns
from aisle_trainer.errors import EmptyTrainingData, InvalidLabels, TooFewUnits, WrongColumns

COLUMNS = ("customer_id", "product_id")
MORE_COLUMNS = ("order_time", "event_time", "title")
FEWEST_CUSTOMERS = 5


def build_sequence_data(
    table: pa.Table, dataset_version: str, shuffle_days: bool = False, seed: int = 0
) -> SequenceData:
    """Check and index a table of ORDERS or USER_EVENTS.

    Rows without customer or product say nothing of an order and are left out; the same product twice in a row counts
    once. Rows of one time stay as they come, or in random order within a day with `shuffle_days`.
    """
    require_columns(table, COLUMNS, dataset_version)
    time = next((name for name in ("order_time", "event_time") if name in table.column_names), None)
    facts = {"dataset_version": dataset_version}
    if time is None:
        raise WrongColumns(
            "The dataset version has neither order_time nor event_time.",
            next_step="Name a dataset of the kind orders or user-events.",
            facts=facts,
        )
    frame = table.select([*COLUMNS, time, *(["title"] if "title" in table.column_names else [])]).to_pandas()
    frame = frame[(frame["customer_id"].fillna("") != "") & (frame["product_id"].fillna("") != "")]
    if not len(frame):
        raise EmptyTrainingData(
            "No row of the dataset version has both a customer and a product.",
            next_step="Import orders or events with customer_id and product_id, and run governance again.",
            facts=facts,
        )
    if frame[time].isna().any():
        raise InvalidLabels(
            f"{int(frame[time].isna().sum())} rows have no time.",
            next_step=f"Correct the mapping of {time} and run governance again.",
            facts=facts,
        )
    frame["time_us"] = frame[time].astype("datetime64[us, UTC]").astype(np.int64)
    if shuffle_days:
        frame["time_us"] //= DAY_US
        frame = frame.iloc[np.random.default_rng(seed).permutation(len(frame))]
    frame = frame.sort_values(["customer_id", "time_us"], kind="stable")
    again = (frame["customer_id"] == frame["customer_id"].shift()) & (
        frame["product_id"] == frame["product_id"].shift()
    )
    frame = frame[~again]
    products, numbers = np.unique(frame["product_id"].to_numpy(str), return_inverse=True)
    starts = np.flatnonzero(frame["customer_id"].ne(frame["customer_id"].shift()).to_numpy())
    sequences = np.split(numbers.astype(np.int64), starts[1:])
    if sum(len(one) >= FEWEST_EVENTS for one in sequences) < FEWEST_CUSTOMERS:
        raise TooFewUnits(
            f"Fewer than {FEWEST_CUSTOMERS} customers have {FEWEST_EVENTS} or more events.",
            next_step="Import more of the history: the last two events of a customer are held back.",
            facts=facts,
        )
    return SequenceData(dataset_version, products.tolist(), _titles(frame, products.tolist()), sequences)


def _titles(frame: pd.DataFrame, products: list[str]) -> list[str]:
    if "title" not in frame:
        return [""] * len(products)
    known = frame.loc[frame["title"].fillna("") != "", ["product_id", "title"]].drop_duplicates(
        "product_id", keep="last"
    )
    titles = dict(zip(known["product_id"].astype(str), known["title"].astype(str), strict=True))
    return [titles.get(product, "") for product in products]
