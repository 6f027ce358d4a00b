"""Cancellations that take back the order lines that they belong to."""

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from aisle_governance.domain.cleaning import Cancellations
from aisle_governance.domain.rules.base import COLUMN, REASON, RuleOutcome, is_blank, sample_changes
from aisle_governance.domain.rules.commerce import is_cancellation

_NS_PER_DAY = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class MatchCancellations:
    """Reduce the lines that a cancellation takes back; a line of which nothing is left is put aside.

    A cancellation belongs to lines of the same customer and product, ordered at most `settings.within_days` before it, at the same
    price where there are such: one line of exactly its quantity if there is one, else the newest lines until the quantity is
    reached. When all lines together hold less, nothing is changed and the cancellation is reported as unmatched: half a guess is
    worse than none. The cancellation's own line is the business of `drop_cancellations`.
    """

    prefix: str
    """Prefix of `order_id` that marks a cancellation; empty means there is none."""
    settings: Cancellations
    name: ClassVar[str] = "match_cancellations"
    description: ClassVar[str] = (
        "Takes the cancelled quantity off the line that was ordered, because what was sent back was not wanted in the end."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Match in the order of time."""
        cancelled = is_cancellation(frame["order_id"], self.prefix) & frame["quantity"].lt(0).fillna(False).astype(bool)
        left = frame["quantity"].fillna(0).to_numpy(dtype=np.int64).copy()
        taken_by: dict[int, str] = {}
        unmatched = self._match(frame, cancelled, left, taken_by)
        touched = pd.Series(False, index=frame.index)
        touched.iloc[list(taken_by)] = True
        quantity = frame["quantity"].mask(touched, pd.Series(left, index=frame.index, dtype="Int64"))
        gone = touched & quantity.eq(0).fillna(False).astype(bool)
        samples = tuple(sample_changes(frame[~gone], "quantity", frame["quantity"][~gone], quantity[~gone]))
        quarantined = frame[gone].copy()
        places = np.flatnonzero(gone.to_numpy())
        quarantined[REASON] = [f"taken back by cancellation {taken_by[int(place)]}" for place in places]
        quarantined[COLUMN] = "quantity"
        total = int(cancelled.sum())
        findings = (
            () if not total else (f"{total - unmatched} of {total} cancelled lines were matched, {unmatched} not.",)
        )
        kept = frame.assign(quantity=quantity)[~gone]
        return RuleOutcome(kept, quarantined, int((touched & ~gone).sum()), samples, findings)

    def _match(
        self, frame: pd.DataFrame, cancelled: "pd.Series[bool]", left: "npt.NDArray[np.int64]", taken_by: dict[int, str]
    ) -> int:
        """Take cancelled quantities off `left`; returns how many cancellations found no order."""
        known = ~is_blank(frame["customer_id"])
        open_lines = known & ~cancelled & frame["quantity"].gt(0).fillna(False).astype(bool)
        pairs = (frame["customer_id"] + "\x1f" + frame["product_id"]).astype(object)
        names: list[str] = pairs.fillna("").tolist()
        lines = defaultdict[str, list[int]](list)
        times = frame["order_time"].astype("datetime64[ns]").to_numpy().astype(np.int64)
        wanted = set(pairs[cancelled & known])
        places = np.flatnonzero((open_lines & pairs.isin(wanted)).to_numpy())
        for place in places[np.argsort(times[places], kind="stable")]:
            lines[names[place]].append(int(place))
        prices = frame["unit_price"].to_numpy(dtype=float)
        orders = frame["order_id"]
        unmatched = int((cancelled & ~known).sum())
        places = np.flatnonzero((cancelled & known).to_numpy())
        for place in places[np.argsort(times[places], kind="stable")]:
            amount = -int(left[place])
            begin = times[place] - self.settings.within_days * _NS_PER_DAY
            fitting = [line for line in lines[names[place]] if begin <= times[line] <= times[place] and left[line]]
            chosen = _choose([line for line in fitting if prices[line] == prices[place]], left, amount)
            chosen = chosen or _choose(fitting, left, amount)
            unmatched += not chosen
            for line in chosen:
                part = min(int(left[line]), amount)
                left[line] -= part
                amount -= part
                taken_by[line] = str(orders.iat[place])
        return unmatched


def _choose(lines: list[int], left: "npt.NDArray[np.int64]", amount: int) -> list[int]:
    """Lines, newest first, that hold `amount` together; none when they hold less."""
    exact = [line for line in lines if left[line] == amount]
    if exact:
        return [exact[-1]]
    chosen, total = [], 0
    for line in reversed(lines):
        chosen.append(line)
        total += int(left[line])
        if total >= amount:
            return chosen
    return []
