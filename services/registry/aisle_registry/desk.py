"""The registry's verbs: register, judge, promote and roll back, each inside a transaction of the caller."""

import logging
import time
from collections.abc import Callable, Sequence

from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.registry.v1 import registry_events_pb2 as events_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_events_pb
from aisle.type.v1 import failure_pb2
from aisle_runtime import telemetry as tracing
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_registry import convert, telemetry
from aisle_registry.domain import aliases, gates, names
from aisle_registry.domain.aliases import AliasChange
from aisle_registry.domain.bundles import validate_submission
from aisle_registry.domain.model import Evaluation, Gate, ModelVersion, Submission, Verdict
from aisle_registry.errors import GateNotPassed, UnknownAlias
from aisle_registry.storage import history, versions

_log = logging.getLogger(__name__)


class Desk:
    """Changes what the registry keeps and tells it: state and event are stored by the same transaction."""

    def __init__(self, outbox: Outbox, now: Callable[[], float] = time.time) -> None:
        """Use `now` (seconds since the epoch) as the clock."""
        self._outbox, self._now = outbox, now
        self._registered = tracing.meter().create_counter(
            telemetry.METRIC_VERSIONS_REGISTERED, unit="{version}", description="Versions registered"
        )
        self._judged = tracing.meter().create_counter(
            telemetry.METRIC_VERDICTS_REACHED, unit="{verdict}", description="Verdicts of the gates"
        )

    def register(
        self, conn: Connection, submission: Submission, slip: pipeline_pb.RoutingSlip | None = None
    ) -> ModelVersion:
        """Store a submission, whose files are in the artifact store, as the next version of its model.

        The version's name is written into `slip`.
        """
        version = versions.add_version(conn, submission, self._time())
        if slip is not None:
            slip.model_version = version.name
        news = events_pb.ModelVersionRegistered(model_version=convert.version(version, units=False), slip=slip)
        self._outbox.add(conn, telemetry.SUBJECT_REGISTERED, news)
        self._registered.add(1)
        return version

    def judge(self, conn: Connection, model: str, number: int, alias: str, asked: Sequence[Gate]) -> ModelVersion:
        """Ask the gates about a version, with the version behind `alias` as champion, and store the verdict.

        Raises UnknownVersion.
        """
        with tracing.span(telemetry.SPAN_JUDGE) as span:
            version = versions.get_version(conn, model, number)
            versions.lock_model(conn, model)
            current = history.current(conn, model, alias)
            champion = gates.champion_of(version.submission.evaluations, self._serving(conn, current))
            verdict = gates.judge(asked, version.submission.evaluations, champion, self._time())
            versions.add_verdict(conn, model, number, verdict)
            span.set_attribute(telemetry.ATTR_PASSED, verdict.passed)
        self._judged.add(1, {telemetry.ATTR_PASSED: verdict.passed})
        _log.info("judged", extra={"fields": {"model_version": version.name, "passed": verdict.passed}})
        return versions.get_version(conn, model, number)

    def promote(
        self,
        conn: Connection,
        model: str,
        number: int,
        alias: str,
        comment: str,
        slip: pipeline_pb.RoutingSlip | None = None,
    ) -> tuple[AliasChange, ModelVersion]:
        """Point `alias` at a version whose newest verdict passed; one that it points at already changes nothing.

        Raises UnknownVersion, GateNotPassed.
        """
        version = versions.get_version(conn, model, number)
        _require_passed(version.name, version.verdict)
        versions.lock_model(conn, model)
        current = history.current(conn, model, alias)
        if current is not None and current.version == number:
            return current, version
        change = aliases.promoted(current, model, alias, number, comment, self._time())
        history.add_change(conn, change)
        version = versions.get_version(conn, model, number)
        news = events_pb.ModelVersionPromoted(
            model_version=convert.version(version, units=False), alias=alias, change=convert.change(change), slip=slip
        )
        self._outbox.add(conn, telemetry.SUBJECT_PROMOTED, news)
        return change, version

    def roll_back(self, conn: Connection, model: str, alias: str, comment: str) -> AliasChange:
        """Point `alias` where it pointed before the promotion of the present version.

        Raises UnknownModel, UnknownAlias, NothingToRollBackTo.
        """
        versions.lock_model(conn, model)
        current = history.current(conn, model, alias)
        if current is None:
            raise UnknownAlias(model, alias)
        target = history.by_sequence(conn, model, alias, current.rollback_sequence)
        change = aliases.rolled_back(current, target, comment, self._time())
        history.add_change(conn, change)
        version = versions.get_version(conn, model, change.version)
        news = events_pb.AliasRolledBack(
            model_version=convert.version(version, units=False), alias=alias, change=convert.change(change)
        )
        self._outbox.add(conn, telemetry.SUBJECT_ROLLED_BACK, news)
        return change

    def take_in(self, conn: Connection, event: trainer_events_pb.TrainingJobSucceeded) -> ModelVersion:
        """Register what a pipeline's training job made, judge it, and promote or reject it.

        The files must be in the artifact store. Raises what `check_job` raises.
        """
        submission, alias, asked = check_job(event)
        slip = pipeline_pb.RoutingSlip()
        slip.CopyFrom(event.slip)
        version = self.register(conn, submission, slip)
        version = self.judge(conn, submission.model, version.number, alias, asked)
        assert version.verdict is not None
        if version.verdict.passed:
            comment = f"{event.slip.pipeline_run}: all gates passed"
            return self.promote(conn, submission.model, version.number, alias, comment, slip)[1]
        news = events_pb.ModelVersionRejected(model_version=convert.version(version, units=False), slip=slip)
        self._outbox.add(conn, telemetry.SUBJECT_REJECTED, news)
        return version

    def fail(
        self, conn: Connection, event: trainer_events_pb.TrainingJobSucceeded, failure: failure_pb2.Failure
    ) -> None:
        """Tell that a pipeline's bundle could not be taken in."""
        news = events_pb.RegistrationFailed(training_job=event.training_job.name, failure=failure, slip=event.slip)
        self._outbox.add(conn, telemetry.SUBJECT_FAILED, news)

    def _serving(self, conn: Connection, current: AliasChange | None) -> tuple[str, tuple[Evaluation, ...]] | None:
        if current is None:
            return None
        serving = versions.get_version(conn, current.model, current.version)
        return serving.name, serving.submission.evaluations

    def _time(self) -> float:
        return round(self._now() * 1e6) / 1e6


def check_job(event: trainer_events_pb.TrainingJobSucceeded) -> tuple[Submission, str, tuple[Gate, ...]]:
    """Return what a pipeline's training job asks of the registry: the submission, the alias and the gates.

    Raises InvalidField or UnsafeFormat when it can never be registered.
    """
    stage = event.slip.spec.registry
    asked = convert.gates(stage.gates, "slip.spec.registry.gates")
    submission = validate_submission(convert.submission_of_job(event), "training_job")
    return (
        submission,
        names.alias_id(stage.alias, "slip.spec.registry.alias"),
        gates.validate_gates(asked, "slip.spec.registry.gates"),
    )


def _require_passed(name: str, verdict: Verdict | None) -> None:
    if verdict is None:
        raise GateNotPassed(name, "no gate has looked at it yet.")
    if not verdict.passed:
        raise GateNotPassed(name, next(result.explanation for result in verdict.results if not result.passed))
