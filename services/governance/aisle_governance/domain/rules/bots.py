"""Programs among the shoppers, and clicks that are no interest."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from aisle_governance.domain.cleaning import Bots
from aisle_governance.domain.rules.base import RuleOutcome, put_aside

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DropBots:
    """Put aside all events of actors that act faster, wider or more evenly than people, and clicks that repeat one product.

    The purchases of one moment are one action: a basket, not a burst. What an actor is put aside for is said in the reason.
    """

    settings: Bots
    name: ClassVar[str] = "drop_bots"
    description: ClassVar[str] = (
        "Puts aside the events of programs and repeated clicks, because they say nothing about what people want and are cheap to send."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Judge each actor by all of its events; events without visitor and customer pass."""
        actor = frame["visitor_id"].fillna(frame["customer_id"])
        seconds = pd.Series(_seconds(frame["event_time"]), index=frame.index)
        events = pd.DataFrame(
            {"actor": actor, "time": seconds, "type": frame["event_type"], "product": frame["product_id"]}
        ).dropna(subset=["actor", "time"])
        events = events.sort_values(["actor", "time"], kind="stable")
        reasons = {
            str(name): words for name, group in events.groupby("actor", sort=False) if (words := self._judge(group))
        }
        reason = pd.Series([reasons.get(name, "") for name in actor.tolist()], index=frame.index, dtype="str")
        spam = self._repeats(events) & reason.reindex(events.index).eq("")
        words = f"more than {self.settings.max_repeats_per_hour} clicks of one product within an hour"
        reason = reason.mask(spam.reindex(frame.index, fill_value=False), words)
        return put_aside(frame, reason.ne(""), reason, "visitor_id")

    def _judge(self, events: pd.DataFrame) -> str:
        """Why this actor is no person; empty when it may be one."""
        limit = self.settings
        if len(events) < min(limit.max_actions_per_minute, limit.min_regular_actions, limit.max_products_per_day):
            return ""
        basket = events["type"].eq("PURCHASE") & events.duplicated(["time", "type"])
        times = events["time"][~basket].to_numpy()
        burst = _busiest(times, _MINUTE)
        if burst > limit.max_actions_per_minute:
            return f"{burst} actions within a minute, at most {limit.max_actions_per_minute} are human"
        seen = events.loc[events["type"].ne("PURCHASE"), ["time", "product"]].dropna()
        breadth = _widest(seen["time"].to_numpy(), pd.factorize(seen["product"])[0], _DAY, limit.max_products_per_day)
        if breadth > limit.max_products_per_day:
            return f"{breadth} products within a day, at most {limit.max_products_per_day} are human"
        variation = _variation(times, limit.min_regular_actions)
        if variation < limit.regular_variation:
            return f"gaps between actions vary by {variation:.2f} of their mean, below {limit.regular_variation:g} is no hand"
        return ""

    def _repeats(self, events: pd.DataFrame) -> "pd.Series[bool]":
        """Clicks within an hour that holds too many of the same actor on the same product."""
        clicks = events[events["type"].eq("CLICK") & events["product"].notna()]
        result = pd.Series(False, index=events.index)
        sizes = clicks.groupby(["actor", "product"], sort=False)["time"].transform("size")
        for _, group in clicks[sizes > self.settings.max_repeats_per_hour].groupby(["actor", "product"], sort=False):
            times = group["time"].to_numpy()
            ends = np.searchsorted(times, times + _HOUR)
            for start in np.flatnonzero(ends - np.arange(len(times)) > self.settings.max_repeats_per_hour):
                result[group.index[start : ends[start]]] = True
        return result


def _seconds(times: "pd.Series[Any]") -> Times:
    moments = pd.to_datetime(times, utc=True).dt.tz_localize(None).astype("datetime64[us]")
    return np.where(moments.isna(), np.nan, moments.to_numpy().astype(np.int64) / 1e6)


def _busiest(times: Times, window: float) -> int:
    """Most events within any `window` seconds of sorted `times`."""
    if not len(times):
        return 0
    return int((np.searchsorted(times, times + window) - np.arange(len(times))).max())


def _widest(times: Times, products: npt.NDArray[np.int64], window: float, enough: int) -> int:
    """Most different products within any `window` seconds; stops counting where even all events would not be `enough`."""
    if len(set(products.tolist())) <= enough:
        return 0
    best, start = 0, 0
    counts: dict[int, int] = {}
    for end, product in enumerate(products.tolist()):
        counts[product] = counts.get(product, 0) + 1
        while times[end] - times[start] > window:
            old = int(products[start])
            counts[old] -= 1
            if not counts[old]:
                del counts[old]
            start += 1
        best = max(best, len(counts))
    return best


def _variation(times: Times, least: int) -> float:
    """Smallest variation (standard deviation / mean) of the gaps in any run of `least` actions; infinite for fewer."""
    gaps = np.diff(times)
    if len(gaps) < least - 1:
        return float("inf")
    windows = np.lib.stride_tricks.sliding_window_view(gaps, least - 1)
    mean = windows.mean(axis=1)
    return float(np.where(mean > 0, windows.std(axis=1) / np.maximum(mean, 1e-9), np.inf).min())
