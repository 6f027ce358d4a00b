"""Rules that read sizes, prices and rates; they fill columns of their own and leave the text as it is."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from aisle_governance.domain.rules.base import RuleOutcome, differs, is_blank, keep_all, put_aside, sample_changes
from aisle_governance.domain.rules.standardise import most_common
from aisle_governance.domain.standardisation import MeasureSystem, MissingRate
from aisle_governance.domain.standards.measures import Measures, read_measures
from aisle_governance.domain.standards.money import Rate, RateTable, parse_price
from aisle_governance.domain.standards.sizes import parse_size

_NUMBERS = ("length_mm", "weight_g", "volume_ml", "power_w")
_SHOWN_UNDECIDED = 10


@dataclass(frozen=True, slots=True)
class ParseSizes:
    """Measures and sizes named in `size` and `title`."""

    decimal: str = ""
    """`.` or `,`; empty means unknown."""
    system: MeasureSystem = MeasureSystem.US
    name: ClassVar[str] = "parse_sizes"
    description: ClassVar[str] = (
        "Reads lengths, weights, volumes, powers, pack sizes, and clothes and shoe sizes into columns of one unit each, because "
        "`10 in` and `25.4cm` are one size. What can be meant in two ways stays missing."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Read each distinct text once; what `size` says counts before what the title says."""
        known: dict[str, Measures] = {}
        size, title = self._read(frame["size"], known), self._read(frame["title"], known)
        columns: dict[str, pd.Series[Any]] = {}
        for name in _NUMBERS:
            values = [
                first if (first := getattr(a, name)) is not None else getattr(b, name)
                for a, b in zip(size, title, strict=True)
            ]
            columns[name] = pd.Series(values, index=frame.index, dtype="float64")
        counts = [a.pack_count if a.pack_count is not None else b.pack_count for a, b in zip(size, title, strict=True)]
        columns["pack_count"] = pd.Series(counts, index=frame.index, dtype="Int64")
        sides = [_sides(a.dimensions_mm or b.dimensions_mm) for a, b in zip(size, title, strict=True)]
        columns["dimensions_mm"] = pd.Series(sides, index=frame.index, dtype="str")
        sizes = [parse_size(text) if isinstance(text, str) else None for text in frame["size"]]
        columns["size_standard"] = pd.Series(sizes, index=frame.index, dtype="str")
        filled = pd.concat([values.notna() for values in columns.values()], axis=1).any(axis=1)
        source = frame["size"].mask(is_blank(frame["size"]), frame["title"])
        samples = [
            sample
            for name, values in columns.items()
            for sample in sample_changes(
                frame[values.notna()], name, source[values.notna()], values[values.notna()].astype("str"), 2
            )
        ]
        result = keep_all(frame.assign(**columns), int(filled.sum()))
        return RuleOutcome(
            result.kept, result.quarantined, result.changed_row_count, tuple(samples), self._findings(size, title)
        )

    def _read(self, texts: "pd.Series[Any]", known: dict[str, Measures]) -> list[Measures]:
        nothing, imperial = Measures(), self.system is MeasureSystem.IMPERIAL
        found = []
        for text in texts:
            if not isinstance(text, str):
                found.append(nothing)
                continue
            if text not in known:
                known[text] = read_measures(text, self.decimal, imperial)
            found.append(known[text])
        return found

    @staticmethod
    def _findings(size: list[Measures], title: list[Measures]) -> tuple[str, ...]:
        undecided = [(*a.undecided, *b.undecided) for a, b in zip(size, title, strict=True)]
        rows = sum(bool(parts) for parts in undecided)
        if not rows:
            return ()
        shown = most_common(pd.Series([part for parts in undecided for part in parts]))
        return (f"{rows} rows name a measure that can be meant in several ways: {shown}",)


def _sides(values: tuple[float, ...]) -> str | None:
    return " x ".join(f"{value:g}" for value in values) or None


@dataclass(frozen=True, slots=True)
class ReadPriceText:
    """Prices written with their currency, where there is no price as a number."""

    decimal: str = ""
    shop_currency: str = ""
    """ISO 4217; decides what `$`, `¥` and `kr` mean."""
    name: ClassVar[str] = "read_price_text"
    description: ClassVar[str] = (
        "Reads prices such as `€ 1.234,50` or `12,99 £` where no number is given; a price that can be meant in two ways stays missing."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Fill `price`, and `currency` where it is missing."""
        wanted = frame["price"].isna() & ~is_blank(frame["price_text"])
        if not wanted.any():
            return keep_all(frame)
        read = {
            text: parse_price(text, self.decimal, self.shop_currency)
            for text in frame.loc[wanted, "price_text"].unique()
        }
        money = [read[text] if use else None for text, use in zip(frame["price_text"], wanted, strict=True)]
        amount = pd.Series([m.amount if m else None for m in money], index=frame.index, dtype="float64")
        code = pd.Series([m.currency if m else None for m in money], index=frame.index, dtype="str")
        price = frame["price"].fillna(amount)
        currency = frame["currency"].mask(is_blank(frame["currency"]) & code.notna(), code)
        unread = wanted & amount.isna()
        findings = (
            (f"{int(unread.sum())} prices could not be read: {most_common(frame.loc[unread, 'price_text'])}",)
            if unread.any()
            else ()
        )
        samples = tuple(
            sample_changes(frame[wanted], "price", frame.loc[wanted, "price_text"], price[wanted].astype("str"))
        )
        kept = keep_all(frame.assign(price=price, currency=currency), int(amount.notna().sum()))
        return RuleOutcome(kept.kept, kept.quarantined, kept.changed_row_count, samples, findings)


@dataclass(frozen=True, slots=True)
class ConvertPrices:
    """Prices in one currency, into `standard_price` and `standard_currency`."""

    column: str
    """The price."""
    target: str
    """ISO 4217; empty converts nothing."""
    rates: tuple[Rate, ...] = ()
    time_column: str = ""
    """UTC time whose day decides the rate; empty takes `day`."""
    day: str = ""
    """ISO day for all rows; empty takes the newest rate."""
    missing: MissingRate = MissingRate.KEEP
    name: ClassVar[str] = "convert_prices"
    description: ClassVar[str] = (
        "Converts prices into the mapping's target currency by its dated rates, because 100 yen are not dearer than 10 pounds."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Look each (currency, day) up once; the original price and currency stay."""
        if not self.target:
            return keep_all(frame)
        table = RateTable(self.rates)
        days = (
            frame[self.time_column].dt.strftime("%Y-%m-%d").fillna("")
            if self.time_column
            else pd.Series(self.day, index=frame.index)
        )
        pairs = pd.DataFrame({"currency": frame["currency"].fillna(""), "day": days})
        rates = {
            (currency, day): 1.0 if currency == self.target else table.on(currency, day)
            for currency, day in pairs.drop_duplicates().itertuples(index=False)
        }
        rate = pd.Series(
            [rates[pair] for pair in zip(pairs["currency"], pairs["day"], strict=True)],
            index=frame.index,
            dtype="float64",
        )
        standard = (frame[self.column] * rate).round(6)
        code = pd.Series(self.target, index=frame.index, dtype="str").where(standard.notna())
        lost = frame[self.column].notna() & rate.isna()
        findings: tuple[str, ...] = ()
        if lost.any():
            without = pairs.loc[lost, "currency"].replace("", "no currency")
            findings = (f"{int(lost.sum())} prices have no rate on or before their day: {most_common(without)}",)
        result = frame.assign(standard_price=standard, standard_currency=code)
        bad = lost if self.missing is MissingRate.QUARANTINE else lost & False
        reason = (
            "no rate into "
            + self.target
            + " for "
            + pairs["currency"].replace("", "a price without currency")
            + " on its day"
        )
        split = put_aside(result, bad, reason, self.column, int((standard.notna() & ~bad).sum()))
        moved = standard.notna() & differs(frame[self.column], standard)
        shown = frame.loc[moved, self.column].astype("str") + " " + pairs.loc[moved, "currency"]
        samples = tuple(
            sample_changes(frame[moved], "standard_price", shown, standard[moved].astype("str") + " " + self.target)
        )
        return RuleOutcome(split.kept, split.quarantined, split.changed_row_count, samples, findings)
