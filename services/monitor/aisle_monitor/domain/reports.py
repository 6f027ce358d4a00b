"""A drift report: what was compared and how much each column moved."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from aisle_monitor.domain.alerts import Alert, AlertKind


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin; both shares are of all rows of their sample, 0 to 1."""

    label: str
    reference_ratio: float
    current_ratio: float


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How much one column moved; `psi` is 0 when one of the samples is empty."""

    column: str
    psi: float
    drifted: bool
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The rows that a dataset version added, compared with an earlier version."""

    name: str
    """`driftReports/{report}`."""
    reference_version: str
    current_version: str
    columns: tuple[ColumnDrift, ...]
    reference_row_count: int
    current_row_count: int
    create_time: float
    """Seconds since the epoch."""

    @property
    def worst(self) -> ColumnDrift | None:
        """The column that moved most; None when nothing was compared."""
        return max(self.columns, key=lambda column: column.psi, default=None)


def drift_alert(report: DriftReport, threshold: float, least_rows: int) -> Alert | None:
    """Return an alert naming the worst column when it is above `threshold` on at least `least_rows` added rows."""
    worst = report.worst
    if worst is None or worst.psi <= threshold or report.current_row_count < least_rows:
        return None
    drifted = [column.column for column in report.columns if column.psi > threshold and column is not worst]
    also = f" ({', '.join(drifted)} moved too)" if drifted else ""
    message = (
        f"{worst.column} of {report.current_version} moved by PSI {worst.psi:.3f}, above {threshold:g}, "
        f"over {report.current_row_count:,} added rows{also}."
    )
    return Alert(
        key=f"data_drift:{report.current_version}",
        kind=AlertKind.DATA_DRIFT,
        subject=report.current_version.partition("/versions/")[0],
        message=message,
        value=worst.psi,
        threshold=threshold,
        report=report.name,
    )


@dataclass(frozen=True, slots=True)
class DriftTask:
    """What a drift job is asked to do."""

    report: str
    """`driftReports/{report}` to be made."""
    reference_version: str
    current_version: str
    alert: bool
    """Whether a finding raises an alert; a caller who asks for a report looks at it himself."""
    threshold: float
    sample_rows: int

    def to_bytes(self) -> bytes:
        """Return the task as the payload of a job."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> "DriftTask":
        """Read the payload of a job."""
        return cls(**json.loads(payload))


def report_json(report: DriftReport) -> str:
    """Return the report as JSON."""
    return json.dumps(asdict(report))


def report_from_json(text: str) -> DriftReport:
    """Return the report that `report_json` wrote."""
    body: dict[str, Any] = json.loads(text)
    columns = [{**column, "bins": tuple(Bin(**entry) for entry in column["bins"])} for column in body["columns"]]
    return DriftReport(**{**body, "columns": tuple(ColumnDrift(**column) for column in columns)})
