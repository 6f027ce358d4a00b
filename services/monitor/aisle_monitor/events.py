"""The NATS door: each event's effect once, in one transaction with its entry in the inbox."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from aisle.governance.v1 import governance_events_pb2 as governance_pb
from aisle.governance.v1 import user_event_pb2
from aisle.monitor.v1 import monitor_events_pb2 as monitor_pb
from aisle.ranker.v1 import ranker_events_pb2 as ranker_pb
from aisle.registry.v1 import registry_events_pb2 as registry_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_pb
from aisle.tuner.v1 import tuner_events_pb2 as tuner_pb
from aisle.type.v1 import subject_pb2
from aisle_runtime.bus import Consumer, ReceivedEvent
from aisle_runtime.convert import from_timestamp
from aisle_runtime.db import Database
from aisle_runtime.errors import AisleError
from aisle_runtime.inbox import Inbox
from aisle_runtime.tokens import Signer
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_monitor.alerting import Alerting
from aisle_monitor.convert import news
from aisle_monitor.convert.observations import answers, quality_alert, serving_alert, training_gap_alert
from aisle_monitor.domain.engagement import CLICK, PURCHASE, Engagement
from aisle_monitor.drift import DriftReports
from aisle_monitor.rounds import Rounds
from aisle_monitor.storage import pipelines as pipeline_store
from aisle_monitor.storage import serving as serving_store
from aisle_monitor.telemetry import SUBJECT_ALERT_RAISED

M = TypeVar("M", bound=Message)
Effect = Callable[[Connection, M, ReceivedEvent], None]
_ENGAGEMENTS = {
    user_event_pb2.USER_EVENT_TYPE_CLICK: CLICK,
    user_event_pb2.USER_EVENT_TYPE_PURCHASE: PURCHASE,
}
_log = logging.getLogger(__name__)


class EventDoor:
    """Everything that the monitor does because of an event."""

    def __init__(
        self, db: Database, inbox: Inbox, rounds: Rounds, alerting: Alerting, drift: DriftReports, signer: Signer
    ) -> None:
        """Act through the given parts; `signer` reads attribution tokens."""
        self._db, self._inbox, self._rounds = db, inbox, rounds
        self._alerting, self._drift, self._signer = alerting, drift, signer

    def consumers(self) -> list[Consumer]:
        """Return one durable consumer per subject."""
        stages: Sequence[Consumer] = [
            self._stage("tuner.study.completed", tuner_pb.StudyCompleted, news.study_completed),
            self._stage("tuner.study.failed", tuner_pb.StudyFailed, news.study_failed),
            self._stage("trainer.training_job.succeeded", trainer_pb.TrainingJobSucceeded, news.training_succeeded),
            self._stage("trainer.training_job.failed", trainer_pb.TrainingJobFailed, news.training_failed),
            self._stage(
                "registry.model_version.registered", registry_pb.ModelVersionRegistered, news.version_registered
            ),
            self._stage("registry.model_version.promoted", registry_pb.ModelVersionPromoted, news.version_promoted),
            self._stage("registry.model_version.rejected", registry_pb.ModelVersionRejected, news.version_rejected),
            self._stage("registry.registration.failed", registry_pb.RegistrationFailed, news.registration_failed),
            self._stage("governance.run.failed", governance_pb.GovernanceRunFailed, news.governance_failed),
        ]
        return [
            *stages,
            self._on("governance.run.completed", governance_pb.GovernanceRunCompleted, self._governance_completed),
            self._on(
                "governance.dataset_version.published",
                governance_pb.DatasetVersionPublished,
                self._version_published,
            ),
            self._on("governance.quality_gate.failed", governance_pb.QualityGateFailed, self._gate_failed),
            self._on("trainer.training_gap.found", trainer_pb.TrainingGapFound, self._gap_found),
            self._on("governance.user_events.collected", governance_pb.UserEventsCollected, self._events_collected),
            self._on("ranker.impressions.served", ranker_pb.ImpressionsServed, self._impressions_served),
            self._on("ranker.serving_state.changed", ranker_pb.ServingStateChanged, self._serving_changed),
            self._on(
                SUBJECT_ALERT_RAISED.removeprefix("aisle.").removesuffix(".v1"),
                monitor_pb.AlertRaised,
                self._alert_raised,
            ),
        ]

    def _stage(self, what: str, kind: type[M], read: Callable[[M, float], news.SlipNews | None]) -> Consumer:
        """Consume an event that only moves a run on."""

        def effect(conn: Connection, message: M, event: ReceivedEvent) -> None:
            self._rounds.apply(conn, read(message, event.time.timestamp()))

        return self._on(what, kind, effect)

    def _on(self, what: str, kind: type[M], effect: Effect[M]) -> Consumer:
        """Consume `aisle.{what}.v1`; `effect` happens once per event id."""
        name = f"monitor-{what.replace('.', '-').replace('_', '-')}"

        async def handle(event: ReceivedEvent) -> None:
            message = event.parse(kind)

            def write(conn: Connection) -> None:
                if self._inbox.first_time(conn, name, event.id):
                    effect(conn, message, event)

            await self._db.write(write)

        return Consumer(name=name, subject=f"aisle.{what}.v1", handler=handle)

    def _governance_completed(
        self, conn: Connection, message: governance_pb.GovernanceRunCompleted, event: ReceivedEvent
    ) -> None:
        versions = [*message.slip.dataset_versions, *message.governance_run.dataset_versions]
        sizes = pipeline_store.dataset_version_sizes(conn, versions)
        self._rounds.apply(conn, news.governance_completed(message, event.time.timestamp(), sizes))

    def _version_published(
        self, conn: Connection, message: governance_pb.DatasetVersionPublished, event: ReceivedEvent
    ) -> None:
        version = message.dataset_version
        pipeline_store.remember_dataset_version(conn, version.name, version.row_count)
        if version.governance_run:
            self._rounds.refresh_governance(conn, version.governance_run)
        if version.parent:
            self._drift.queue(conn, version.parent, version.name, alert=True, key=event.id)

    def _gate_failed(self, conn: Connection, message: governance_pb.QualityGateFailed, event: ReceivedEvent) -> None:
        self._alerting.raise_alert(conn, quality_alert(message, event.id))

    def _gap_found(self, conn: Connection, message: trainer_pb.TrainingGapFound, event: ReceivedEvent) -> None:
        self._alerting.raise_alert(conn, training_gap_alert(message, event.id))

    def _serving_changed(self, conn: Connection, message: ranker_pb.ServingStateChanged, event: ReceivedEvent) -> None:
        time = event.time.timestamp()
        if message.live:
            serving_store.note_live(conn, message.model_version, time)
        self._rounds.apply(conn, news.serving_changed(message, time))
        self._alerting.raise_alert(conn, serving_alert(message, event.id))

    def _impressions_served(self, conn: Connection, message: ranker_pb.ImpressionsServed, event: ReceivedEvent) -> None:
        serving_store.add_answers(conn, answers(message))

    def _events_collected(
        self, conn: Connection, message: governance_pb.UserEventsCollected, event: ReceivedEvent
    ) -> None:
        found = (self._engagement(entry) for entry in message.events if entry.type in _ENGAGEMENTS)
        serving_store.add_engagements(conn, [engagement for engagement in found if engagement is not None])

    def _alert_raised(self, conn: Connection, message: monitor_pb.AlertRaised, event: ReceivedEvent) -> None:
        self._alerting.answer(conn, message.alert.name)

    def _engagement(self, event: user_event_pb2.UserEvent) -> Engagement | None:
        """Read what an event says about an answer; None when its token names none."""
        if not event.attribution_token:
            return None
        answer_id = self._answer_id(event.attribution_token)
        if not answer_id:
            return None
        time = from_timestamp(event.event_time).timestamp()
        return Engagement(answer_id, event.product_id, _ENGAGEMENTS[event.type], time)

    def _answer_id(self, token: str) -> str:
        try:
            payload = json.loads(self._signer.verify(token))
        except (AisleError, ValueError) as error:
            _log.warning("an attribution token was not accepted", extra={"fields": {"error": type(error).__name__}})
            return ""
        return str(payload.get("a", "")) if isinstance(payload, dict) else ""


def erasure_order(event: ReceivedEvent) -> subject_pb2.SubjectErasureOrder:
    """Read the order out of SubjectErased."""
    return event.parse(governance_pb.SubjectErased).order
