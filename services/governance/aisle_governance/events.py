"""The doors for events: a pipeline run that asks for governance, and models that begin to serve."""

import logging

from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle.monitor.v1 import monitor_events_pb2
from aisle.registry.v1 import model_version_pb2, registry_events_pb2
from aisle_runtime.bus import Consumer, ReceivedEvent
from aisle_runtime.convert import failure_from_error
from aisle_runtime.db import Database
from aisle_runtime.inbox import Inbox
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_governance import convert, telemetry
from aisle_governance.errors import AisleError, InvalidField
from aisle_governance.running import Runs
from aisle_governance.storage import history, ledger, model_uses

CONSUMER = "governance-pipeline-run-requested"
PROMOTED_CONSUMER = "governance-model-version-promoted"
ROLLED_BACK_CONSUMER = "governance-alias-rolled-back"
_log = logging.getLogger(__name__)


class PipelineDoor:
    """Starts a governance run for each requested pipeline run, once."""

    def __init__(self, db: Database, inbox: Inbox, outbox: Outbox, runs: Runs) -> None:
        """Use these."""
        self._db, self._inbox, self._outbox, self._runs = db, inbox, outbox, runs

    def consumers(self) -> list[Consumer]:
        """What to subscribe to."""
        return [Consumer(CONSUMER, telemetry.SUBJECT_PIPELINE_RUN_REQUESTED, self.on_requested)]

    async def on_requested(self, event: ReceivedEvent) -> None:
        """Queue the run; a stage that cannot be run is answered with GovernanceRunFailed, so that the pipeline run ends."""
        slip = event.parse(monitor_events_pb2.PipelineRunRequested).slip
        if not slip.pipeline_run:
            raise InvalidField("slip.pipeline_run", "is required")

        def take_up(conn: Connection) -> None:
            if not self._inbox.first_time(conn, CONSUMER, event.id):
                return
            if history.find_pipeline_run(conn, slip.pipeline_run) is not None:
                return  # told again under another event id: one pipeline run is governed once
            try:
                parts = convert.dataset_runs(slip.spec.governance, "slip.spec.governance")
                self._runs.start(conn, parts, slip)
            except AisleError as error:
                if error.kind in ("INTERNAL", "UNAVAILABLE"):
                    raise
                _log.warning("pipeline run refused", extra={"fields": {"reason": error.reason}})
                refusal = events_pb2.GovernanceRunFailed(failure=failure_from_error(error), slip=slip)
                self._outbox.add(conn, telemetry.SUBJECT_RUN_FAILED, refusal)

        await self._db.write(take_up)


class AliasDoor:
    """Notes which dataset versions a model alias stands on, so that retention never deletes them."""

    def __init__(self, db: Database, inbox: Inbox) -> None:
        """Use these."""
        self._db, self._inbox = db, inbox

    def consumers(self) -> list[Consumer]:
        """What to subscribe to."""
        return [
            Consumer(PROMOTED_CONSUMER, telemetry.SUBJECT_MODEL_VERSION_PROMOTED, self.on_promoted),
            Consumer(ROLLED_BACK_CONSUMER, telemetry.SUBJECT_ALIAS_ROLLED_BACK, self.on_rolled_back),
        ]

    async def on_promoted(self, event: ReceivedEvent) -> None:
        """An alias points at another model version."""
        told = event.parse(registry_events_pb2.ModelVersionPromoted)
        await self._note(PROMOTED_CONSUMER, event.id, told.alias, told.model_version)

    async def on_rolled_back(self, event: ReceivedEvent) -> None:
        """An alias points at an earlier model version again."""
        told = event.parse(registry_events_pb2.AliasRolledBack)
        await self._note(ROLLED_BACK_CONSUMER, event.id, told.alias, told.model_version)

    async def _note(self, consumer: str, event_id: str, alias: str, version: model_version_pb2.ModelVersion) -> None:
        holder = f"{version.name.partition('/versions/')[0]}@{alias}"
        found = [convert.version_number(name, "dataset_versions") for name in version.dataset_versions]
        numbers = [(dataset, number) for dataset, number in found if number is not None]

        def note(conn: Connection) -> None:
            if self._inbox.first_time(conn, consumer, event_id):
                ledger.set_uses(conn, holder, numbers)
                model_uses.put_alias(conn, holder, version.name)

        await self._db.write(note)
