"""Pipeline runs: how one begins, and how the news of the services moves it on. All inside the caller's transaction."""

import time
from collections.abc import Callable
from typing import Protocol

from aisle.monitor.v1 import monitor_events_pb2 as events_pb
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle_runtime import telemetry
from aisle_runtime.names import ResourceName, new_id
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_monitor.convert import news as news_convert
from aisle_monitor.convert import resources
from aisle_monitor.domain.runs import Run, StoredPipeline, project, with_summary
from aisle_monitor.storage import pipelines as store
from aisle_monitor.telemetry import SUBJECT_RUN_FINISHED, SUBJECT_RUN_REQUESTED

RUN = ResourceName("pipelines/{pipeline}/runs/{run}")


class EventOutbox(Protocol):
    """Where events wait for their transaction to commit."""

    def add(self, conn: Connection, subject: str, message: Message, *, event_id: str | None = None) -> str:
        """Add an event and return its id."""


class Rounds:
    """Starts runs and projects news onto them."""

    def __init__(self, outbox: EventOutbox, now: Callable[[], float] = time.time) -> None:
        """Publish through `outbox`; `now` gives seconds since the epoch."""
        self._outbox, self._now = outbox, now

    def start(
        self,
        conn: Connection,
        pipeline: StoredPipeline,
        cause: str,
        training: pipeline_pb.TrainingSpec | None = None,
    ) -> Run:
        """Begin a run of `pipeline` in the current trace; `training` replaces the plan's training spec.

        Publishes PipelineRunRequested.
        """
        spec = pipeline_pb.PipelineSpec.FromString(pipeline.spec)
        if training is not None:
            spec.training.CopyFrom(training)
        name = f"{pipeline.name}/runs/{new_id()}"
        slip = pipeline_pb.RoutingSlip(pipeline_run=name, spec=spec)
        run = Run(
            name=name,
            tuned=spec.HasField("tuning"),
            create_time=self._now(),
            slip=slip.SerializeToString(),
            cause=cause,
            trace_id=telemetry.current_trace_id(),
        )
        store.add_run(conn, run)
        self._outbox.add(conn, SUBJECT_RUN_REQUESTED, events_pb.PipelineRunRequested(slip=slip, cause=cause))
        return run

    def apply(self, conn: Connection, found: news_convert.SlipNews | None) -> None:
        """Move the run that `found` is about; publishes PipelineRunFinished when it ends. Repeating it changes nothing.

        A run that is not stored (the database is younger than the run) is taken up again from the slip.
        """
        if found is None:
            return
        known = store.get_run(conn, found.slip.pipeline_run) or self._adopt(conn, found)
        run = project(known, found.news, found.slip.SerializeToString())
        if run is known:
            return
        store.save_run(conn, run)
        if run.ended and not known.ended:
            finished = events_pb.PipelineRunFinished(pipeline_run=resources.run(run))
            self._outbox.add(conn, SUBJECT_RUN_FINISHED, finished)

    def refresh_governance(self, conn: Connection, governance_run: str) -> None:
        """Write the governance stage's words anew, now that more is known about its versions."""
        for run in store.runs_of_governance_run(conn, governance_run):
            versions = list(pipeline_pb.RoutingSlip.FromString(run.slip).dataset_versions)
            words = news_convert.governance_summary(versions, store.dataset_version_sizes(conn, versions))
            changed = with_summary(run, "governance", words)
            if changed is not run and versions:
                store.save_run(conn, changed)

    def _adopt(self, conn: Connection, found: news_convert.SlipNews) -> Run:
        RUN.parse(found.slip.pipeline_run, "slip.pipeline_run")
        run = Run(
            name=found.slip.pipeline_run,
            tuned=found.slip.spec.HasField("tuning"),
            create_time=found.news.time,
            slip=found.slip.SerializeToString(),
            trace_id=telemetry.current_trace_id(),
        )
        store.add_run(conn, run)
        return run
