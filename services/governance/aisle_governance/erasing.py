"""Erasures from request to receipt. State, hand-over of files and event each commit in one transaction; jobs do the work.

A round rewrites every file that exists when it is queued. When it has ended, the new files take the place of the old ones, and the
old ones are swept as soon as no import or run that began before can bring the person back; until then the erasure waits, and looks
again in another round.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle_runtime.db import Database
from aisle_runtime.erasing.worker import order_for
from aisle_runtime.jobs import JobFailure, JobRecord, Jobs
from aisle_runtime.names import new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_governance import convert_history, importing, running, telemetry
from aisle_governance.domain.erasures import ErasedImport, ErasedVersion, Erasure, ErasureStage
from aisle_governance.domain.subjects import Subjects, plain_id, subject_hash
from aisle_governance.errors import AisleError
from aisle_governance.storage import files, ledger, live, scrubbing

ERASE_KIND, SWEEP_KIND = "erase", "sweep"
ERASE_TARGET, SWEEP_TARGET = "aisle_governance.erase_jobs:erase", "aisle_governance.erase_jobs:sweep"
_PER_LIST = 1_000
_log = logging.getLogger(__name__)


class Erasures:
    """Deletes people; every method runs inside the caller's transaction."""

    def __init__(
        self,
        jobs: Jobs,
        outbox: Outbox,
        key: bytes,
        now: Callable[[], float] = time.time,
        holders: Sequence[str] = (),
    ) -> None:
        """`key` makes the keyed hashes; `now` gives seconds since the epoch; `holders` keep copies and have to acknowledge."""
        self._jobs, self._outbox, self._key, self._now = jobs, outbox, key, now
        self._holders = list(holders)

    def hash_of(self, customer_id: str) -> str:
        """The keyed hash of an id."""
        return subject_hash(self._key, customer_id)

    def start(self, conn: Connection, customer_id: str) -> Erasure:
        """Exclude the person, delete what the database holds of them, and queue the search of the files.

        The id itself is not stored. An erasure of the person that has not ended is returned as it is.
        """
        subject, now = self.hash_of(customer_id), self._now()
        known = ledger.find_open_erasure(conn, subject)
        if known is not None:
            return known
        erasure = Erasure(id=new_id("era"), subject=subject, create_time=now)
        erasure.record.holders = self._holders
        erasure.record.exclusion = ledger.exclude(conn, subject, erasure.id, now)
        spellings = {customer_id, plain_id(customer_id)}
        erasure.record.user_event_count = scrubbing.delete_user_events(conn, spellings, self.hash_of, subject)
        erasure.record.user_event_count += live.delete_subject(conn, spellings, self.hash_of, subject)
        for spelling in spellings:
            erasure.record.outbox_event_count += scrubbing.scrub_outbox(conn, spelling, self.hash_of, subject)
            scrubbing.redact_texts(conn, spelling)
        ledger.add_erasure(conn, erasure)
        self._start_round(conn, erasure)
        ledger.save_erasure(conn, erasure)
        return ledger.get_erasure(conn, erasure.id)

    def collectable(self, conn: Connection, customer_ids: Collection[str]) -> set[str]:
        """Those of `customer_ids` that are not excluded."""
        if not ledger.exclusion_count(conn):
            return set(customer_ids)
        hashes = {one: self.hash_of(one) for one in customer_ids if one}
        out = ledger.excluded_among(conn, set(hashes.values()))
        return {one for one in customer_ids if hashes.get(one) not in out}

    def _start_round(self, conn: Connection, erasure: Erasure) -> None:
        erasure.stage = ErasureStage.REWRITING
        erasure.job = f"{erasure.id}-r{erasure.record.round}"
        ended = files.ended_imports(conn)
        payload = {
            "erasure": erasure.id,
            "subjects": [erasure.subject],
            "excluded": ledger.excluded(conn),
            "imports": ended,
            "releases": files.release_rows(conn),
            "reports": files.quarantine_files(conn),
            "versions": files.version_tables(conn),
        }
        self._jobs.submit(conn, ERASE_KIND, erasure.job, json.dumps(payload).encode())

    def on_rewritten(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Put the new files in the place of the old ones, then sweep, wait or look again."""
        made = json.loads(result)
        erasure = ledger.get_erasure(conn, json.loads(job.payload)["erasure"])
        record = erasure.record
        missed = False
        for change in made["imports"]:
            missed |= not self._take_import(conn, erasure, change)
        for change in made["releases"]:
            ledger.drop_releases(conn, change["dataset"], [change["row_id"]])
            record.old_artifacts += [change["artifact"]] if change["artifact"] else []
        for change in made["reports"]:
            record.quarantined_row_count += change["removed"]
            record.old_artifacts.append(change["artifact"])
            files.replace_quarantine(conn, change)
        for change in made["versions"]:
            missed |= not self._take_version(conn, erasure, change)
        scrubbing.drop_samples(conn, made["row_ids"])
        record.manifest = made["manifest"]
        if any(made[kind] for kind in ("imports", "releases", "reports", "versions")):
            record.switch_time = self._now()
        if record.round > 1:  # jobs that had begun before may have stored results since
            scrubbing.redact_by_hash(conn, Subjects(self._key, [erasure.subject]))
        record.waiting_for = self._blocking(conn, erasure)
        if record.waiting_for:
            erasure.stage = ErasureStage.WAITING
        elif missed or self._has_news(conn, erasure, json.loads(job.payload)):
            self._next_round(conn, erasure)
        else:
            self._sweep(conn, erasure)
        ledger.save_erasure(conn, erasure)

    @staticmethod
    def _take_import(conn: Connection, erasure: Erasure, change: dict[str, Any]) -> bool:
        found = files.replace_import(conn, change)
        if found is None:
            return False
        gone = [old for old, new in zip(change["before"], change["after"], strict=True) if old and old != new]
        erasure.record.old_artifacts += gone
        if change["accepted"] or change["rejected"] or change["before"][0] != change["after"][0]:
            lost = ErasedImport(
                found.dataset, found.id, change["accepted"], change["rejected"], change["before"][0], change["after"][0]
            )
            erasure.record.imports.append(lost)
        return True

    @staticmethod
    def _take_version(conn: Connection, erasure: Erasure, change: dict[str, Any]) -> bool:
        before = files.replace_versions(conn, change)
        if before is None:
            erasure.record.old_folders.append(change["after"])
            return False
        erasure.record.old_folders.append(change["before"])
        for version in before:
            lost = ErasedVersion(
                version.dataset, version.number, change["removed"], version.content_hash, change["content_hash"]
            )
            erasure.record.versions.append(lost)
        return True

    def _blocking(self, conn: Connection, erasure: Erasure) -> list[str]:
        """Open jobs that read files which are to go, or that were queued before the person was excluded."""
        record = erasure.record
        old = set(record.old_artifacts)
        found = []
        for job in files.open_jobs(conn, (ERASE_KIND, SWEEP_KIND)):
            payload = json.loads(job.payload) if job.kind in (importing.JOB_KIND, running.JOB_KIND) else {}
            if job.kind == importing.JOB_KIND:
                blocks = payload.get("exclusion_count", 0) < record.exclusion
            elif job.kind == running.JOB_KIND:
                blocks = not old.isdisjoint(_read_by_run(payload))
            else:
                blocks = job.create_time <= max(erasure.create_time, record.switch_time)
            if blocks:
                found.append(job.id)
        return found

    def _has_news(self, conn: Connection, erasure: Erasure, searched: dict[str, Any]) -> bool:
        """Whether something came since the round was queued that may hold the person, and so was not searched."""
        record = erasure.record
        imports = {item["id"] for item in searched["imports"]}
        for item in files.ended_imports(conn):
            if (
                item["id"] not in imports
                and item["exclusion_count"] < record.exclusion
                and self._payload(conn, item["id"]).get("exclusion_count", 0) < record.exclusion
            ):
                return True
        tables = {(item["dataset"], number) for item in searched["versions"] for number in item["numbers"]}
        for version in files.all_versions(conn):
            if version.vacuum_time or (version.dataset, version.number) in tables:
                continue
            if version.folder in record.old_folders or self._read_old(conn, erasure, version.run):
                return True
        reports = {(item["run"], item["dataset"]) for item in searched["reports"]}
        for item in files.quarantine_files(conn):
            if (item["run"], item["dataset"]) not in reports and self._read_old(conn, erasure, item["run"]):
                return True
        releases = {(item["dataset"], item["row_id"]) for item in searched["releases"]}
        return any((item["dataset"], item["row_id"]) not in releases for item in files.release_rows(conn))

    def _read_old(self, conn: Connection, erasure: Erasure, run: str) -> bool:
        """Whether a run read a file that was replaced; also when that can no longer be told."""
        payload = self._payload(conn, run)
        return not payload or not _read_by_run(payload).isdisjoint(erasure.record.old_artifacts)

    def _payload(self, conn: Connection, job_id: str) -> dict[str, Any]:
        job = self._jobs.get(conn, job_id)
        return {} if job is None else dict(json.loads(job.payload))

    def on_import_succeeded(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Note what the import left out; the file as it came is to be deleted when it held excluded people."""
        brought = json.loads(result)
        if "sha256" in brought:
            files.set_source(conn, job.id, brought["sha256"], brought["source_bytes"])
        self.sweep_artifacts(conn, brought.get("old_artifacts", []))

    def on_import_failed(self, conn: Connection, job: JobRecord) -> None:
        """Delete bytes that could not be searched for excluded people."""
        payload = json.loads(job.payload)
        if payload.get("excluded"):
            files.set_source(conn, job.id, "", 0)
            self.sweep_artifacts(conn, [payload["sha256"]])

    def arrived_again(self, conn: Connection, sha256: str, kept_sha256: str) -> None:
        """Delete bytes that came a second time after their first import was rewritten."""
        if sha256 != kept_sha256:
            self.sweep_artifacts(conn, [sha256])

    async def tend(self, db: Database) -> None:
        """Go on with erasures whose wait is over, as long as the service runs."""
        changed = asyncio.Event()
        stop = db.on_commit(changed.set)
        try:
            while True:
                changed.clear()
                try:
                    if await db.read(ledger.waiting_erasures):
                        await db.write(self.look_after_waiting)
                except AisleError as error:
                    _log.warning("erasures cannot be looked after", extra={"fields": {"reason": error.reason}})
                await changed.wait()
        finally:
            stop()

    def look_after_waiting(self, conn: Connection) -> None:
        """Go on with erasures whose wait is over."""
        for erasure in ledger.waiting_erasures(conn):
            still = files.still_open(conn, erasure.record.waiting_for)
            if not still:
                self._next_round(conn, erasure)
                ledger.save_erasure(conn, erasure)

    def _next_round(self, conn: Connection, erasure: Erasure) -> None:
        erasure.record.round += 1
        erasure.record.waiting_for = []
        self._start_round(conn, erasure)

    def _sweep(self, conn: Connection, erasure: Erasure) -> None:
        erasure.stage = ErasureStage.SWEEPING
        erasure.job = f"{erasure.id}-s{erasure.record.round}"
        payload = {
            "erasure": erasure.id,
            "artifacts": files.unused_artifacts(conn, erasure.record.old_artifacts),
            "folders": files.unused_folders(conn, erasure.record.old_folders),
            "job_folders": files.ended_jobs(conn),
            "kept_folders": files.kept_folders(conn),
            "active_runs": [job.id for job in files.open_jobs(conn, (SWEEP_KIND,))],
            "before": self._now(),
            "compact": True,
        }
        self._jobs.submit(conn, SWEEP_KIND, erasure.job, json.dumps(payload).encode())

    def on_swept(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Give the receipt and tell of it; a sweep that belongs to no erasure has nothing to tell."""
        erasure_id = json.loads(job.payload).get("erasure", "")
        if not erasure_id:
            return
        erasure = ledger.get_erasure(conn, erasure_id)
        erasure.stage, erasure.end_time = ErasureStage.SUCCEEDED, self._now()
        erasure.record.old_artifacts, erasure.record.old_folders = [], []
        ledger.save_erasure(conn, erasure)
        told = convert_history.erasure_message(ledger.get_erasure(conn, erasure_id))
        for name in ("imports", "versions"):  # an event must fit the bus; the receipt holds all
            del getattr(told, name)[_PER_LIST:]
        versions = [one.dataset_version for one in told.versions]
        order = order_for(self._key, erasure.name, erasure.subject, versions)
        news = events_pb2.SubjectErased(erasure=told, order=order)
        self._outbox.add(conn, telemetry.SUBJECT_SUBJECT_ERASED, news)

    def on_failed(self, conn: Connection, job: JobRecord, failure: JobFailure) -> None:
        """Keep why; the person stays excluded."""
        erasure_id = json.loads(job.payload).get("erasure", "")
        if not erasure_id:
            return
        erasure = ledger.get_erasure(conn, erasure_id)
        erasure.stage, erasure.end_time = ErasureStage.FAILED, self._now()
        erasure.record.failure = {
            "reason": failure.reason,
            "message": failure.message,
            "next_step": failure.next_step,
            "facts": dict(failure.facts),
        }
        ledger.save_erasure(conn, erasure)

    def sweep_artifacts(self, conn: Connection, digests: Iterable[str], folders: Iterable[str] = ()) -> None:
        """Queue the deletion of files that nothing refers to any more."""
        artifacts = files.unused_artifacts(conn, [digest for digest in digests if digest])
        gone = files.unused_folders(conn, list(folders))
        if artifacts or gone:
            payload = {"artifacts": artifacts, "folders": gone}
            self._jobs.submit(conn, SWEEP_KIND, new_id("swp"), json.dumps(payload).encode())


def _read_by_run(payload: dict[str, Any]) -> set[str]:
    """Digests of the files that a run reads."""
    parts = payload["datasets"]
    released = {digest for part in parts for digest in part.get("released", {}).get("rows", [])}
    return released | {source["rows"] for part in parts for source in part["imports"]}
