"""The registry's copies of a person: histories in bundles, and values per customer in the evidence of versions."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from aisle.registry.v1 import registry_events_pb2 as events_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_events_pb
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from aisle_runtime.erasing.bundles import StoredFile, rewrite_bundle
from aisle_runtime.erasing.messages import without
from aisle_runtime.erasing.stores import JobTypes
from aisle_runtime.erasing.subjects import Subjects
from aisle_runtime.erasing.worker import StillWaiting, Task
from aisle_runtime.errors import AisleError
from aisle_runtime.outbox import Outbox
from aisle_runtime.tables import RUNTIME
from sqlalchemy import Connection, select

from aisle_registry import convert, telemetry
from aisle_registry.domain.model import BundleFile, Evaluation, ModelVersion, Submission
from aisle_registry.domain.model import Task as TaskKind
from aisle_registry.storage import versions

IMPORT = "import"
PERSON_KEYS = ("customer_id",)
JOB_TYPES: JobTypes = {
    IMPORT: {"payload": trainer_events_pb.TrainingJobSucceeded, "result": trainer_events_pb.TrainingJobSucceeded}
}
RETRY_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass
class Copies:
    """Takes people out of versions; a version keeps its number and gets a new bundle digest."""

    db: Database
    outbox: Outbox
    artifacts: ArtifactStore
    uploads_in_flight: Callable[[], int]
    now: Callable[[], float] = time.time
    _checked: set[tuple[str, int]] = field(default_factory=set)

    async def scrub(self, task: Task) -> None:
        """Rewrite every bundle that holds the person. Raises StillWaiting while files arrive that no version names yet."""
        wanted = set(task.order.dataset_versions)
        for model, number in await self.db.read(versions.version_numbers):
            version = await self.db.read(lambda conn, m=model, n=number: versions.get_version(conn, m, n))  # type: ignore[misc]
            if wanted & set(version.submission.dataset_versions):
                task.model_versions.append(version.name)
            if await self._rewrite(version, task.subjects, task.order.erasure, task):
                task.model_versions.append(version.name)
        await self._forget_files(task)

    async def tend(self, erased: Callable[[], Subjects]) -> None:
        """Take erased people out of versions that are registered later, for as long as the service runs."""
        changed = asyncio.Event()
        stop = self.db.on_commit(changed.set)
        try:
            while True:
                changed.clear()
                try:
                    if subjects := erased():
                        await self._look_at_new(subjects)
                except AisleError as error:
                    _log.warning("new versions cannot be looked at", extra={"fields": {"reason": error.reason}})
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                await changed.wait()
        finally:
            stop()

    async def _look_at_new(self, subjects: Subjects) -> None:
        for model, number in await self.db.read(versions.version_numbers):
            if (model, number) not in self._checked:
                version = await self.db.read(lambda conn, m=model, n=number: versions.get_version(conn, m, n))  # type: ignore[misc]
                if await self._rewrite(version, subjects, "", None):
                    await self._delete_unused({file.sha256 for file in version.submission.files})
                self._checked.add((model, number))

    async def _rewrite(self, version: ModelVersion, subjects: Subjects, erasure: str, task: Task | None) -> bool:
        """Store a version without the people; says whether it held them."""
        before = version.submission
        files = [StoredFile(file.path, file.sha256, file.size_bytes) for file in before.files]
        found = await asyncio.to_thread(rewrite_bundle, self.artifacts, files, subjects, PERSON_KEYS)
        evaluations, values = _without_units(before.evaluations, subjects)
        if found is None and not values:
            return False
        kept = before.files
        if found is not None:
            kept = tuple(BundleFile(file.path, file.sha256, file.size_bytes) for file in found.files)
        after = replace(before, files=kept, evaluations=evaluations)

        def store(conn: Connection) -> Mapping[str, int]:
            made = self._store(conn, version, after, erasure)
            if not made:
                return {}
            counts = {"evaluation_values": values}
            if found is not None:
                counts |= {
                    "bundle_files": len(found.changed),
                    "bundle_rows": found.row_count,
                    "bundle_texts": found.text_count,
                }
            return counts

        stored = await (self.db.write(store) if task is None else task.write(store))
        if not stored:
            raise StillWaiting("A version changed while it was rewritten.", facts={"model_version": version.name})
        return True

    def _store(self, conn: Connection, version: ModelVersion, after: Submission, erasure: str) -> bool:
        made = versions.rewrite_version(conn, version, after, erasure, round(self.now() * 1e6) / 1e6)
        if made is None:
            return False
        if made.bundle_digest != version.bundle_digest:
            news = events_pb.ModelVersionRewritten(
                model_version=convert.version(made, units=False), rewrite=convert.rewrite(made.rewrites[-1])
            )
            self.outbox.add(conn, telemetry.SUBJECT_REWRITTEN, news)
        return True

    async def _forget_files(self, task: Task) -> None:
        """Delete artifacts of no version; while some arrive, nobody can tell these from left-over ones."""
        imports = await self.db.read(_open_imports)
        if imports or self.uploads_in_flight():
            raise StillWaiting(
                "Bundles are being taken in, and may hold the person's history.",
                next_step="Nothing to do: they are cleaned when they have arrived.",
                facts={"imports": str(imports), "uploads": str(self.uploads_in_flight())},
            )
        stored = await asyncio.to_thread(self.artifacts.digests)
        gone = await self._delete_unused(set(stored))
        await task.write(lambda conn: {"files": gone})

    async def _delete_unused(self, digests: set[str]) -> int:
        used = await self.db.read(versions.used_digests)
        return sum([await asyncio.to_thread(self.artifacts.delete, digest) for digest in digests - used])


def _open_imports(conn: Connection) -> int:
    jobs = RUNTIME.jobs
    return len(conn.execute(select(jobs.c.id).where(jobs.c.state.in_(("QUEUED", "RUNNING")))).all())


def _without_units(evaluations: tuple[Evaluation, ...], subjects: Subjects) -> tuple[tuple[Evaluation, ...], int]:
    """Evaluations without the people among their units, and how many went; only customers are units of the purchase task."""
    kept, count = [], 0
    for evaluation in evaluations:
        gone = [
            place
            for place, unit in enumerate(evaluation.unit_ids)
            if (evaluation.task == TaskKind.PURCHASE and subjects.is_id(unit)) or subjects.mentions(unit)
        ]
        count += len(gone)
        if gone:
            systems = tuple(
                replace(system, unit_values=tuple(without(system.unit_values, gone)) if system.unit_values else ())
                for system in evaluation.systems
            )
            evaluation = replace(evaluation, unit_ids=tuple(without(evaluation.unit_ids, gone)), systems=systems)
        kept.append(evaluation)
    return tuple(kept), count
