"""The ranker's copies of a person: deeds, impressions that wait, and the histories in the bundles it keeps."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from aisle_runtime.erasing.bundles import StoredFile, names_somebody
from aisle_runtime.erasing.subjects import Subjects
from aisle_runtime.erasing.worker import StillWaiting, Task
from aisle_runtime.names import new_id
from sqlalchemy import Connection

from aisle_ranker.answer_log import AnswerLog
from aisle_ranker.domain.loads import Load, Version
from aisle_ranker.fetching import Registry
from aisle_ranker.impressions import Impressions
from aisle_ranker.loading import Loading
from aisle_ranker.shoppers import Shoppers, belongs_to
from aisle_ranker.storage import answers as answer_store
from aisle_ranker.storage import serving as serving_store
from aisle_ranker.storage import shoppers as shopper_store

PERSON_KEYS = ("customer_id",)


@dataclass(frozen=True, slots=True)
class Copies:
    """Deletes what the ranker keeps of a person."""

    db: Database
    artifacts: ArtifactStore
    registry: Registry
    loading: Loading
    shoppers: Shoppers
    impressions: Impressions
    log: AnswerLog | None = None

    async def scrub(self, task: Task) -> None:
        """Forget deeds at once; bundles are replaced by those that the registry has rewritten, which is waited for.

        Raises StillWaiting, RegistryAway, RegistryRefused.
        """
        await self.impressions.flush()
        theirs = belongs_to(task.subjects)
        self.shoppers.forget(theirs)

        def forget(conn: Connection) -> Mapping[str, int]:
            return {"deeds": shopper_store.forget_shoppers(conn, theirs)}

        await task.write(forget)
        if self.log is not None:
            answers = await self.log.of_people(task.subjects)
            await task.write(lambda conn: {"logged_answers": answer_store.forget(conn, answers)})
        named = await self._named(task.subjects)
        for version in named:
            await self.refresh(version)
        if named := await self._named(task.subjects):
            raise StillWaiting(
                "The bundle that is served still holds the person's history.",
                next_step="Nothing to do: the bundle is replaced when the registry has rewritten it.",
                facts={"model_version": named[0].name},
            )
        gone = await self._forget_files()
        await task.write(lambda conn: {"files": gone})

    async def refresh(self, version: Version) -> bool:
        """Take a stored version's bundle as the registry has it now; says whether it is another one than before."""
        fresh = await self.registry.version(version.name, version.sequence)
        if fresh is None or fresh.bundle_digest == version.bundle_digest:
            return False

        def replace(conn: Connection) -> None:
            if serving_store.replace_version(conn, version, fresh):
                load = Load(id=new_id("rewritten"), version=fresh, create_time=time.time())
                serving_store.add_load(conn, load)

        await self.db.write(replace)
        self.loading.wake()
        return True

    async def refresh_all(self) -> None:
        """Look at every stored version again; to be called when the registry has rewritten one."""
        for version in await self.db.read(serving_store.stored_versions):
            await self.refresh(version)

    async def _named(self, subjects: Subjects) -> list[Version]:
        """Stored versions whose local files name the person."""
        versions = await self.db.read(serving_store.stored_versions)
        return [one for one in versions if await asyncio.to_thread(self._names, one, subjects)]

    def _names(self, version: Version, subjects: Subjects) -> bool:
        files = [
            StoredFile(path, sha256, self.artifacts.size_bytes(sha256))
            for path, sha256 in version.files.items()
            if self.artifacts.exists(sha256)
        ]
        return names_somebody(self.artifacts, files, subjects, PERSON_KEYS)

    async def _forget_files(self) -> int:
        """Delete files that no stored version needs; a file that is being fetched belongs to one that is stored."""
        needed = await self.db.read(serving_store.needed_files)
        stored = await asyncio.to_thread(self.artifacts.digests)
        gone = [digest for digest in stored if digest not in needed]
        return sum([await asyncio.to_thread(self.artifacts.delete, digest) for digest in gone])
