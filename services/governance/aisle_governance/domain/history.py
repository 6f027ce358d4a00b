"""What becomes of versions: how long they are kept, how their quality goes, and rows that come back."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aisle_governance.domain.model import QualityReport, Version

HISTORY_LENGTH = 50
"""Versions before one that its metrics are compared with, at most."""
LEAST_HISTORY = 5
ANOMALY_Z = 3.5
"""Least size of the robust z-score that is told.

Source: Iglewicz & Hoaglin 1993, How to Detect and Handle Outliers, section 3.
"""
_MAD_TO_SIGMA = 0.6745
_FLOOR_RATIO = 1e-3
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Which versions stay whole; either part is enough to keep one. Both 0 = no policy."""

    keep_last_count: int = 0
    keep_days: int = 0

    def __bool__(self) -> bool:
        """Whether there is a policy."""
        return bool(self.keep_last_count or self.keep_days)


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that stays whole, and why."""

    number: int
    reason: str
    """`LATEST`, `KEEP_LAST`, `KEEP_DAYS`, `IN_USE` or `SHARED`."""
    holder: str = ""
    """Who uses it when the reason is IN_USE."""


def expired(
    versions: Sequence[Version], policy: RetentionPolicy, in_use: Mapping[int, str], now: float
) -> tuple[list[Version], list[Kept]]:
    """Sort whole versions of a dataset (any order) into those whose files may go and those that stay, both oldest first.

    The newest one always stays, and so does every version that shares its folder with one that stays.
    """
    ordered = sorted(versions, key=lambda version: version.number)
    kept: dict[int, Kept] = {}
    for rank, version in enumerate(reversed(ordered)):
        if rank == 0:
            kept[version.number] = Kept(version.number, "LATEST")
        elif rank < policy.keep_last_count:
            kept[version.number] = Kept(version.number, "KEEP_LAST")
        elif policy.keep_days and version.create_time.timestamp() > now - policy.keep_days * _DAY_SECONDS:
            kept[version.number] = Kept(version.number, "KEEP_DAYS")
        elif version.number in in_use:
            kept[version.number] = Kept(version.number, "IN_USE", in_use[version.number])
    folders = {version.folder for version in ordered if version.number in kept}
    for version in ordered:
        if version.number not in kept and version.folder in folders:
            kept[version.number] = Kept(version.number, "SHARED")
    return [version for version in ordered if version.number not in kept], [kept[number] for number in sorted(kept)]


@dataclass(frozen=True, slots=True)
class Release:
    """The decision to let one row that was put aside come back."""

    dataset: str
    row_id: str
    rule: str
    """Rule that had put it aside, or `import`."""
    import_id: str
    fixes: dict[str, str] = field(default_factory=dict)
    """Canonical column -> new value as text."""
    rows_artifact: str = ""
    """Parquet file that holds the row when the import had refused it; empty otherwise."""
    excused: bool = False
    """Whether `rule` lets the row pass; otherwise the row goes through all rules with its new values."""
    create_time: float = 0.0


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A metric far from its own history."""

    metric: str
    value: float
    median: float
    robust_z: float


def metrics_of(report: QualityReport) -> dict[str, float]:
    """The figures of a report that are watched from version to version."""
    rows = max(report.input_row_count, 1)
    found = {
        "quality_score_ratio": report.quality_score_ratio,
        "output_row_count": float(report.output_row_count),
        "quarantined_ratio": report.quarantined_row_count / rows,
    }
    found |= {f"defect_ratio:{name}": count / rows for name, count in report.raw_defect_counts.items()}
    return found | {f"missing_ratio:{column.column}": column.missing_ratio for column in report.after}


def robust_z(value: float, earlier: Sequence[float]) -> float:
    """How many robust standard deviations `value` lies from the median of `earlier`; 0 when it is the median.

    The MAD has a floor of a thousandth of the median's size (of 1 where a metric near 0 never moved), so that a metric that never
    moved gives a large and finite score once it does. Source: Iglewicz & Hoaglin 1993, section 3.
    """
    median = statistics.median(earlier)
    mad = statistics.median(abs(one - median) for one in earlier)
    floor = _FLOOR_RATIO * max(abs(median), 0.0 if mad else 1.0)
    return _MAD_TO_SIGMA * (value - median) / max(mad, floor, 1e-12)


def anomalies(report: QualityReport, earlier: Sequence[QualityReport]) -> list[Anomaly]:
    """Metrics of `report` that lie far from those of the versions before it (newest last), the farthest first."""
    recent = [metrics_of(one) for one in earlier[-HISTORY_LENGTH:]]
    found = []
    for metric, value in metrics_of(report).items():
        known = [one[metric] for one in recent if metric in one]
        if len(known) < LEAST_HISTORY or not math.isfinite(value):
            continue
        score = robust_z(value, known)
        if abs(score) > ANOMALY_Z:
            found.append(Anomaly(metric, value, statistics.median(known), score))
    return sorted(found, key=lambda one: -abs(one.robust_z))
