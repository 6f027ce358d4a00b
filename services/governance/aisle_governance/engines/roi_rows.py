"""The rows that an arm teaches from, and those that every arm is judged on.

All arms answer the same questions: queries, pairs and grades (or customers, times and purchases) are the reference's. What an arm
changes is what it teaches, and the texts (or histories) that it gives the things to be ranked.
"""

import pandas as pd

from aisle_governance.domain.kinds import LABEL_ROWS, ROW_ID

HELD_DAYS, HELD_SHARE = 60, 0.4
"""Orders of so many days (less: of this share of all time) at the end stay as the reference has them when a trainer cuts its own
windows off the end."""


def shown_pairs(reference: pd.DataFrame, arm: pd.DataFrame) -> pd.DataFrame:
    """The reference's judgments with the arm's titles and descriptions; a pair that the arm does not have keeps its own."""
    texts = _label_rows(arm).join(arm[["title", "description"]], on="place").drop_duplicates("row").set_index("row")
    asked = _label_rows(reference)
    wanted = asked[asked["row"].isin(texts.index)].drop_duplicates("place").set_index("place")["row"]
    shown = reference.copy()
    for column in ("title", "description"):
        shown.loc[wanted.index, column] = texts[column].reindex(wanted).to_numpy()
    shown["title"] = shown["title"].fillna("")
    return shown


def taught_rows(reference: pd.DataFrame, arm: pd.DataFrame, held_queries: set[str]) -> pd.DataFrame:
    """The arm's judgments without any that belongs to a held-back query of the reference, under whatever id the arm has it."""
    held = reference["query_id"].isin(held_queries)
    rows = set(_label_rows(reference[held])["row"])
    mine = _label_rows(arm)
    touched = set(mine.loc[mine["row"].isin(rows), "place"])
    held_here = arm["query_id"].isin(held_queries) | arm.index.isin(touched)
    kept: pd.DataFrame = arm.loc[~held_here]
    return kept


def rows_of_queries(kept: pd.DataFrame, arm: pd.DataFrame) -> pd.DataFrame:
    """The arm's judgments that belong to the queries of `kept`, by their id or by the source rows that they are made of."""
    mine = _label_rows(arm)
    touched = set(mine.loc[mine["row"].isin(set(_label_rows(kept)["row"])), "place"])
    found: pd.DataFrame = arm.loc[arm["query_id"].isin(set(kept["query_id"])) | arm.index.isin(touched)]
    return found


def composed_judgments(reference: pd.DataFrame, arm: pd.DataFrame, held_queries: set[str]) -> pd.DataFrame:
    """What a trainer reads of an arm: what it teaches, and the held-back queries as all arms have them."""
    shown = shown_pairs(reference, arm)
    return pd.concat([taught_rows(reference, arm, held_queries), shown[shown["query_id"].isin(held_queries)]])


def composed_orders(reference: pd.DataFrame, arm: pd.DataFrame) -> pd.DataFrame:
    """What a trainer reads of an arm: its orders, and at the end, where windows are cut off, the reference's."""
    times = reference["order_time"]
    span = times.max() - times.min()
    start = times.max() - min(pd.Timedelta(days=HELD_DAYS), span * HELD_SHARE)
    composed: pd.DataFrame = pd.concat([arm.loc[arm["order_time"] < start], reference.loc[times >= start]])
    return composed


def _label_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """(place, row): every source row id in every judgment."""
    source = frame[LABEL_ROWS] if LABEL_ROWS in frame else frame[ROW_ID]
    rows = source.fillna(frame[ROW_ID]).str.split().explode()
    return pd.DataFrame({"place": rows.index, "row": rows.to_numpy()})
