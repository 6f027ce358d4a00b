"""A pipeline run as a projection of the news that the services publish.

News may arrive late, twice or in another order than it was made. A run keeps at most one item of news per stage and
derives everything else from those, so that any order of the same consistent news gives the same run, and nothing moves
it backwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

STAGES = ("governance", "tuning", "training", "registry", "serving")
"""Stages in the order of the loop; `tuning` exists only in plans that ask for it."""


class RunState(StrEnum):
    """Where a run or one of its stages stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StoredPipeline:
    """A plan as stored; `spec` is the serialized `aisle.pipeline.v1.PipelineSpec`."""

    name: str
    spec: bytes
    create_time: float


@dataclass(frozen=True, slots=True)
class FailureNote:
    """Why a stage failed, in words that a caller may read."""

    reason: str
    message: str
    next_step: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageNews:
    """What one event says about one stage."""

    stage: str
    """One of `STAGES`."""
    outcome: RunState
    """RUNNING for progress inside the stage; anything else ends it."""
    time: float
    """When the event was made, seconds since the epoch."""
    resource: str = ""
    """Resource that did the work, for example `trainingJobs/{job}`."""
    summary: str = ""
    """One sentence for people."""
    failure: FailureNote | None = None
    """Set when `outcome` is FAILED."""


@dataclass(frozen=True, slots=True)
class StageStatus:
    """Where one stage stands, as derived from a run's news."""

    stage: str
    state: RunState
    resource: str = ""
    start_time: float | None = None
    end_time: float | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One round of the loop."""

    name: str
    """`pipelines/{pipeline}/runs/{run}`."""
    tuned: bool
    """Whether the plan has a tuning stage."""
    create_time: float
    """When it was asked for, seconds since the epoch."""
    slip: bytes
    """Newest routing slip, serialized; opaque here."""
    cause: str = ""
    trace_id: str = ""
    state: RunState = RunState.RUNNING
    news: tuple[StageNews, ...] = ()
    """At most one item per stage, in the order of `STAGES`."""
    failure: FailureNote | None = None
    end_time: float | None = None
    revision: int = 1

    @property
    def pipeline(self) -> str:
        """`pipelines/{pipeline}` that it is a run of."""
        return self.name.rpartition("/runs/")[0]

    @property
    def ended(self) -> bool:
        """Whether its state can't change any more."""
        return self.state is not RunState.RUNNING

    def of(self, stage: str) -> StageNews | None:
        """Return what is known of `stage`."""
        return next((item for item in self.news if item.stage == stage), None)


def project(run: Run, news: StageNews, slip: bytes = b"") -> Run:
    """Return the run after `news`; the very same object when it says nothing new.

    The first news that ends a stage, and the first that ends the run, stand. `slip` replaces the run's slip when
    `news` is about the furthest stage known. News of a stage that the plan does not have is left aside.
    """
    if news.stage not in plan_stages(run) or _adds_nothing(run, news):
        return run
    known = sorted((*(item for item in run.news if item.stage != news.stage), news), key=_position)
    furthest = known[-1].stage == news.stage
    changed = replace(run, news=tuple(known), slip=slip if slip and furthest else run.slip, revision=run.revision + 1)
    return changed if run.ended else _ended_by(changed, news)


def with_summary(run: Run, stage: str, summary: str) -> Run:
    """Return the run with other words for a stage that has news; the same object when nothing changes."""
    item = run.of(stage)
    if item is None or item.summary == summary:
        return run
    news = tuple(replace(entry, summary=summary) if entry is item else entry for entry in run.news)
    return replace(run, news=news, revision=run.revision + 1)


def plan_stages(run: Run) -> tuple[str, ...]:
    """Return the stages of the run's plan in order."""
    return tuple(stage for stage in STAGES if run.tuned or stage != "tuning")


def stage_statuses(run: Run) -> list[StageStatus]:
    """Return the stages begun so far, in order.

    A stage whose own news is still on its way counts as succeeded once a later stage has news, because the later one
    begins only then.
    """
    statuses: list[StageStatus] = []
    begun: float | None = run.create_time
    last = max((plan_stages(run).index(item.stage) for item in run.news), default=-1)
    for index, stage in enumerate(plan_stages(run)):
        item = run.of(stage)
        if item is None:
            if index > last and (run.ended or not _next_began(run, last)):
                break
            state = RunState.SUCCEEDED if index < last else RunState.RUNNING
            statuses.append(StageStatus(stage, state, start_time=begun))
            begun = None
            if index > last:
                break
            continue
        going_on = item.outcome is RunState.RUNNING
        state = RunState.SUCCEEDED if going_on and index < last else item.outcome
        end = None if going_on else item.time
        statuses.append(StageStatus(stage, state, item.resource, begun, end, item.summary))
        begun = end
    return statuses


def _next_began(run: Run, last: int) -> bool:
    """Say whether the stage after the furthest known one has begun."""
    if last < 0:
        return True
    item = run.of(plan_stages(run)[last])
    return item is not None and item.outcome is RunState.SUCCEEDED


def _position(item: StageNews) -> int:
    return STAGES.index(item.stage)


def _adds_nothing(run: Run, news: StageNews) -> bool:
    known = run.of(news.stage)
    if known is not None:
        if known.outcome is not RunState.RUNNING:
            return True
        if news.outcome is RunState.RUNNING:
            return news.time <= known.time
    went_on = any(_position(item) > _position(news) for item in run.news)
    return went_on and news.outcome in (RunState.FAILED, RunState.REJECTED)


def _ended_by(run: Run, news: StageNews) -> Run:
    if news.outcome is RunState.FAILED:
        failure = news.failure or FailureNote("STAGE_FAILED", f"The stage {news.stage} failed.")
        return replace(run, state=RunState.FAILED, failure=failure, end_time=news.time)
    if news.outcome is RunState.REJECTED:
        return replace(run, state=RunState.REJECTED, end_time=news.time)
    if news.outcome is RunState.SUCCEEDED and news.stage == "serving":
        return replace(run, state=RunState.SUCCEEDED, end_time=news.time)
    return run
