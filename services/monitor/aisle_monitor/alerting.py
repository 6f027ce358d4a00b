"""Alerts and the policies that answer them. All inside the caller's transaction."""

import time
from collections.abc import Callable
from dataclasses import replace

from aisle.monitor.v1 import monitor_events_pb2 as events_pb
from aisle_runtime import telemetry
from aisle_runtime.names import new_id
from sqlalchemy import Connection

from aisle_monitor.convert import resources
from aisle_monitor.domain.alerts import Alert, choose
from aisle_monitor.errors import UnknownResource
from aisle_monitor.rounds import EventOutbox, Rounds
from aisle_monitor.storage import alerts as store
from aisle_monitor.storage.pipelines import get_pipeline
from aisle_monitor.telemetry import METRIC_ALERTS_RAISED, SUBJECT_ALERT_RAISED, SUBJECT_POLICY_TRIGGERED


class Alerting:
    """Raises alerts once and lets policies answer them."""

    def __init__(self, outbox: EventOutbox, rounds: Rounds, now: Callable[[], float] = time.time) -> None:
        """Publish through `outbox`, start runs through `rounds`; `now` gives seconds since the epoch."""
        self._outbox, self._rounds, self._now = outbox, rounds, now
        self._raised = telemetry.meter().create_counter(METRIC_ALERTS_RAISED, unit="{alert}")

    def raise_alert(self, conn: Connection, alert: Alert | None) -> None:
        """Store an alert and publish AlertRaised; nothing happens for None and for a key raised before."""
        if alert is None:
            return
        named = replace(
            alert, name=f"alerts/{new_id()}", create_time=self._now(), trace_id=telemetry.current_trace_id()
        )
        if store.add_alert(conn, named):
            self._outbox.add(conn, SUBJECT_ALERT_RAISED, events_pb.AlertRaised(alert=resources.alert(named)))
            self._raised.add(1, {"kind": named.kind.value})

    def raised(self, conn: Connection, alert: Alert) -> bool:
        """Say whether the alert has been raised before."""
        return store.has_alert(conn, alert.key)

    def answer(self, conn: Connection, name: str) -> None:
        """Start a run for every policy that answers the alert.

        Publishes PolicyTriggered and PipelineRunRequested for each.
        """
        alert = store.get_alert(conn, name)
        if alert is None:
            raise UnknownResource("alert", name)
        now = self._now()
        for policy in choose(store.policies_for(conn, alert.kind), alert, now):
            pipeline = get_pipeline(conn, policy.pipeline)
            if pipeline is None:
                raise UnknownResource("pipeline", policy.pipeline)
            run = self._rounds.start(conn, pipeline, policy.name)
            store.note_policy_run(conn, policy.name, now)
            if not alert.pipeline_run:
                alert = replace(alert, pipeline_run=run.name)
                store.set_alert_run(conn, name, run.name)
            triggered = events_pb.PolicyTriggered(
                policy=resources.policy(policy), alert=resources.alert(alert), pipeline_run=run.name
            )
            self._outbox.add(conn, SUBJECT_POLICY_TRIGGERED, triggered)
