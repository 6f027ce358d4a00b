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
        actor = pd.factorize(frame["visitor_id"].fillna(frame["customer_id"]))[0].astype(np.int64)
        events = _sorted(frame, actor)
        reasons = np.full(int(actor.max(initial=-1)) + 2, "", dtype=object)  # the last is for rows without an actor
        for begin, end in self._suspects(events):
            reasons[events.actor[begin]] = self._judge(events.part(begin, end))
        reason = reasons[actor]
        spam = np.zeros(len(frame), dtype=bool)
        spam[events.row[self._repeats(events)]] = True
        words = f"more than {self.settings.max_repeats_per_hour} clicks of one product within an hour"
        reason[spam & (reason == "")] = words
        reasons_by_row = pd.Series(reason, index=frame.index, dtype="str")
        return put_aside(frame, reasons_by_row.ne(""), reasons_by_row, "visitor_id")

    def _suspects(self, events: "_Events") -> list[tuple[int, int]]:
        """Places of all actors that `_judge` could name, and of some more; over all actors at once."""
        limit = self.settings
        begins = np.flatnonzero(np.r_[True, events.actor[1:] != events.actor[:-1]]) if len(events.actor) else _NONE
        ends = np.r_[begins[1:], len(events.actor)] if len(begins) else _NONE
        number = np.repeat(np.arange(len(begins)), ends - begins)
        guilty = np.zeros(len(begins), dtype=bool)
        most = limit.max_actions_per_minute
        if len(number) > most:
            fast = (number[most:] == number[:-most]) & (events.time[most:] < events.time[:-most] + _MINUTE)
            guilty[number[most:][fast]] = True
        seen = np.bincount(number[~events.purchase & (events.product >= 0)], minlength=len(begins))
        guilty |= seen > limit.max_products_per_day
        acting = ~events.basket
        guilty[
            number[acting][
                _even(events.time[acting], number[acting], limit.min_regular_actions, limit.regular_variation)
            ]
        ] = True
        guilty &= ends - begins >= min(most, limit.min_regular_actions, limit.max_products_per_day)
        return [(int(begins[one]), int(ends[one])) for one in np.flatnonzero(guilty)]

    def _judge(self, events: "_Events") -> str:
        """Why this actor is no person; empty when it may be one."""
        limit = self.settings
        times = events.time[~events.basket]
        burst = _busiest(times, _MINUTE)
        if burst > limit.max_actions_per_minute:
            return f"{burst} actions within a minute, at most {limit.max_actions_per_minute} are human"
        seen = ~events.purchase & (events.product >= 0)
        breadth = _widest(events.time[seen], events.product[seen], _DAY, limit.max_products_per_day)
        if breadth > limit.max_products_per_day:
            return f"{breadth} products within a day, at most {limit.max_products_per_day} are human"
        variation = _variation(times, limit.min_regular_actions)
        if variation < limit.regular_variation:
            return f"gaps between actions vary by {variation:.2f} of their mean, below {limit.regular_variation:g} is no hand"
        return ""

    def _repeats(self, events: "_Events") -> npt.NDArray[np.int64]:
        """Places of clicks within an hour that holds too many of the same actor on the same product."""
        most = self.settings.max_repeats_per_hour
        clicks = np.flatnonzero(events.click & (events.product >= 0))
        pair = events.actor[clicks] * (int(events.product.max(initial=0)) + 1) + events.product[clicks]
        clicks = clicks[np.argsort(pair, kind="stable")]
        pair = np.sort(pair, kind="stable")
        begins = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]]) if len(pair) else _NONE
        ends = np.r_[begins[1:], len(pair)] if len(begins) else _NONE
        spam = np.zeros(len(events.actor), dtype=bool)
        for begin, end in zip(begins[ends - begins > most], ends[ends - begins > most], strict=True):
            times = events.time[clicks[begin:end]]
            last = np.searchsorted(times, times + _HOUR)
            for start in np.flatnonzero(last - np.arange(len(times)) > most):
                spam[clicks[begin + start : begin + last[start]]] = True
        return np.flatnonzero(spam)


@dataclass(frozen=True, slots=True)
class _Events:
    """Events by actor and time; events without an actor or a time are left out."""

    row: npt.NDArray[np.int64]
    """Place in the frame."""
    actor: npt.NDArray[np.int64]
    time: Times
    """Seconds."""
    product: npt.NDArray[np.int64]
    """Number of the product, -1 for none."""
    purchase: npt.NDArray[np.bool_]
    click: npt.NDArray[np.bool_]
    basket: npt.NDArray[np.bool_]
    """Purchases of a moment after the first."""

    def part(self, begin: int, end: int) -> "_Events":
        """The events of one actor."""
        return _Events(*(getattr(self, name)[begin:end] for name in self.__slots__))


_NONE = np.empty(0, dtype=np.int64)


def _sorted(frame: pd.DataFrame, actor: npt.NDArray[np.int64]) -> _Events:
    time = _seconds(frame["event_time"])
    row = np.flatnonzero((actor >= 0) & ~np.isnan(time))
    row = row[np.lexsort((time[row], actor[row]))]
    kind = frame["event_type"].iloc[row]
    actor, time, purchase = actor[row], time[row], kind.eq("PURCHASE").fillna(False).to_numpy(dtype=bool)
    bought = np.flatnonzero(purchase)
    basket = np.zeros(len(row), dtype=bool)
    again = (actor[bought][1:] == actor[bought][:-1]) & (time[bought][1:] == time[bought][:-1])
    basket[bought[1:][again]] = True
    product = pd.factorize(frame["product_id"].iloc[row])[0].astype(np.int64)
    click = kind.eq("CLICK").fillna(False).to_numpy(dtype=bool)
    return _Events(row, actor, time, product, purchase, click, basket)


def _even(times: Times, actor: npt.NDArray[np.int64], least: int, variation: float) -> npt.NDArray[np.int64]:
    """Places at which a run of `least` actions of one actor ends whose gaps vary by less than `variation`, or hardly more."""
    size = least - 1
    if len(times) < least:
        return _NONE
    ends = np.flatnonzero(actor[size:] == actor[:-size]) + size
    gaps = np.diff(times, prepend=times[0])  # gaps[i] lies before i
    mean = (times[ends] - times[ends - size]) / size
    spread = np.zeros(len(ends))
    for offset in range(size):
        spread += (gaps[ends - offset] - mean) ** 2
    return ends[np.sqrt(spread / size) < mean * variation * (1 + 1e-6) + 1e-6]


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
