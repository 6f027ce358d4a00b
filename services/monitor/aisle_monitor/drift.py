"""Drift reports as jobs: asked for by a new dataset version or by a caller, made in a child process, stored with their alert."""

import hashlib

from aisle.monitor.v1 import monitor_service_pb2 as pb
from aisle.monitor.v1 import observation_pb2 as observation_pb
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidField
from aisle_runtime.jobs import JobKind, JobRecord, Jobs, JobState
from aisle_runtime.names import new_id
from aisle_runtime.requests import RequestLog
from sqlalchemy import Connection

from aisle_monitor.alerting import Alerting
from aisle_monitor.domain.plans import DATASET_VERSION
from aisle_monitor.domain.reports import DriftReport, DriftTask, drift_alert, report_from_json
from aisle_monitor.errors import DriftReportFailed
from aisle_monitor.settings import MonitorSettings
from aisle_monitor.storage import alerts as store

KIND = "drift"


class DriftReports:
    """Queues drift jobs and stores what they find."""

    def __init__(
        self, settings: MonitorSettings, db: Database, requests: RequestLog, jobs: Jobs, alerting: Alerting
    ) -> None:
        """Register the kind of job; its results are stored with their alert in one transaction."""
        self._settings, self._db, self._requests, self._jobs, self._alerting = settings, db, requests, jobs, alerting
        jobs.register(
            JobKind(
                kind=KIND,
                target="aisle_monitor.jobs:compare_versions",
                memory_limit_bytes=settings.drift_memory_limit_bytes,
                on_succeeded=self._store,
            )
        )

    def queue(
        self, conn: Connection, reference_version: str, current_version: str, *, alert: bool, key: str = ""
    ) -> str:
        """Queue a comparison inside the caller's transaction and return the name of the report to come.

        The same `key` asks for the same report; nothing is queued twice.
        """
        report_id = f"d-{hashlib.sha256(key.encode()).hexdigest()[:20]}" if key else new_id()
        task = DriftTask(
            report=f"driftReports/{report_id}",
            reference_version=reference_version,
            current_version=current_version,
            alert=alert,
            threshold=self._settings.drift_threshold,
            sample_rows=self._settings.drift_sample_rows,
        )
        self._jobs.submit(conn, KIND, report_id, task.to_bytes())
        return task.report

    async def create(self, request: pb.CreateDriftReportRequest) -> DriftReport:
        """Make the report that a caller asks for and wait for it; raises DriftReportFailed with the job's reason."""
        reference = DATASET_VERSION.parse(request.reference_version, "reference_version")
        current = DATASET_VERSION.parse(request.current_version, "current_version")
        if reference["dataset"] != current["dataset"]:
            raise InvalidField("current_version", "must be a version of the same dataset as reference_version")
        if reference == current:
            raise InvalidField("current_version", "must be another version than reference_version")

        def queue(conn: Connection) -> pb.CreateDriftReportResponse:
            name = self.queue(conn, request.reference_version, request.current_version, alert=False)
            return pb.CreateDriftReportResponse(drift_report=observation_pb.DriftReport(name=name))

        queued = await self._db.write(
            lambda conn: self._requests.once(
                conn, "CreateDriftReport", request, pb.CreateDriftReportResponse, lambda: queue(conn)
            )
        )
        return await self._finished(queued.drift_report.name)

    async def _finished(self, name: str) -> DriftReport:
        async for job in self._jobs.watch(name.rpartition("/")[2], 0):
            if job.state is JobState.SUCCEEDED:
                break
            if job.failure is not None:
                failure = job.failure
                raise DriftReportFailed(
                    failure.message, next_step=failure.next_step, facts=failure.facts, reason=failure.reason
                )
        report = await self._db.read(lambda conn: store.get_report(conn, name))
        if report is None:
            raise DriftReportFailed(
                "The comparison was cancelled.", next_step="Ask again.", reason="DRIFT_JOB_CANCELLED"
            )
        return report

    def _store(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        report = report_from_json(result.decode())
        if store.get_report(conn, report.name) is not None:
            return
        store.add_report(conn, report)
        if DriftTask.from_bytes(job.payload).alert:
            bound, least = self._settings.drift_threshold, self._settings.drift_least_rows
            self._alerting.raise_alert(conn, drift_alert(report, bound, least))
