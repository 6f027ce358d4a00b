"""Alerts and the policies that answer them."""

from dataclasses import dataclass
from enum import StrEnum

from aisle_runtime.errors import InvalidField
from aisle_runtime.names import ResourceName

from aisle_monitor.domain.plans import DATASET, MODEL

PIPELINE = ResourceName("pipelines/{pipeline}")
MAXIMUM_COOLDOWN_SECONDS = 31_536_000


class AlertKind(StrEnum):
    """What an alert is about."""

    DATA_DRIFT = "data_drift"
    LATENCY = "latency"
    CLICK_THROUGH = "click_through"
    SERVING = "serving"
    DATA_QUALITY = "data_quality"
    TRAINING_GAP = "training_gap"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that people or a policy should act on."""

    key: str
    """What makes it one alert: raising the same key again does nothing."""
    kind: AlertKind
    subject: str
    """Resource without its version, for example `datasets/orders`, so that a policy can name it."""
    message: str
    """One sentence with the figure and its bound."""
    value: float = 0.0
    threshold: float = 0.0
    report: str = ""
    """`driftReports/{report}`, or empty."""
    name: str = ""
    """`alerts/{alert}`; given when it is raised."""
    create_time: float = 0.0
    trace_id: str = ""
    pipeline_run: str = ""
    """Run that a policy started because of it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which pipeline an alert starts."""

    name: str
    alert_kind: AlertKind
    subject: str
    """Only alerts about this subject; empty means any."""
    pipeline: str
    cooldown_seconds: int
    create_time: float = 0.0
    last_run_time: float | None = None
    """When it last started a run, seconds since the epoch."""

    def same_definition(self, other: "Policy") -> bool:
        """Say whether both ask for the same, whatever their times."""
        mine = (self.alert_kind, self.subject, self.pipeline, self.cooldown_seconds)
        return mine == (other.alert_kind, other.subject, other.pipeline, other.cooldown_seconds)

    def answers(self, alert: Alert, now: float) -> bool:
        """Say whether the policy starts a run because of `alert` at `now`."""
        if alert.kind is not self.alert_kind or (self.subject and self.subject != alert.subject):
            return False
        return self.last_run_time is None or now - self.last_run_time >= self.cooldown_seconds


def check_policy(policy: Policy, root: str = "policy") -> None:
    """Raise InvalidField for the first field that breaks a rule."""
    PIPELINE.parse(policy.pipeline, f"{root}.pipeline")
    if policy.subject and not (DATASET.matches(policy.subject) or MODEL.matches(policy.subject)):
        raise InvalidField(
            f"{root}.subject",
            "must be empty, datasets/{dataset} or models/{model}",
            next_step="Name the resource without its version.",
        )
    if not 0 <= policy.cooldown_seconds <= MAXIMUM_COOLDOWN_SECONDS:
        raise InvalidField(f"{root}.cooldown_seconds", f"must be between 0 and {MAXIMUM_COOLDOWN_SECONDS:,}")


def choose(policies: list[Policy], alert: Alert, now: float) -> list[Policy]:
    """Return the policies that answer `alert` now, by name.

    Two policies never start the same pipeline for one alert.
    """
    chosen: dict[str, Policy] = {}
    for policy in sorted(policies, key=lambda entry: entry.name):
        if policy.answers(alert, now):
            chosen.setdefault(policy.pipeline, policy)
    return list(chosen.values())
