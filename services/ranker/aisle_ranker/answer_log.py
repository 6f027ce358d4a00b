"""A bounded log of requests and answers, so that an answer can be made again."""

import asyncio
import json
import logging
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle_runtime import telemetry
from aisle_runtime.db import Database
from aisle_runtime.erasing.messages import holds
from aisle_runtime.erasing.subjects import Subjects
from google.protobuf.message import Message

from aisle_ranker.asking import Asked
from aisle_ranker.domain.answer import Degradation, Move, Ranking, Result
from aisle_ranker.domain.profile import Deed
from aisle_ranker.errors import AisleError
from aisle_ranker.storage import answers as store
from aisle_ranker.storage.answers import StoredAnswer
from aisle_ranker.telemetry import METRIC_UNLOGGED

BUFFER, LARGEST_BATCH, DELAY_SECONDS, RETRY_SECONDS = 2_000, 100, 0.2, 0.5
LARGEST_REQUEST_BYTES = 65_536
PRUNE_EVERY_SECONDS = 60.0
_PAGE = 200
_REQUESTS: Mapping[str, type[Message]] = {
    "search": pb.SearchRequest,
    "recommend": pb.RecommendRequest,
    "rank": pb.RankRequest,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """An answer with what it was made of."""

    answer_id: str
    time: float
    surface: str
    request: Message
    deeds: Sequence[Deed]
    trends: Mapping[str, float]
    model_version: str
    serving_config: str
    serving_config_version: int
    degradations: Sequence[Degradation]
    results: Sequence[Result]
    """Without their sources."""

    @classmethod
    def of(
        cls, answer_id: str, at: float, surface: str, asked: Asked, ranking: Ranking, shown: Sequence[Result]
    ) -> "LoggedAnswer":
        """Take down an answer."""
        return cls(
            answer_id=answer_id,
            time=at,
            surface=surface,
            request=asked.request,
            deeds=tuple(asked.deeds),
            trends=asked.trends,
            model_version=ranking.model_version,
            serving_config=ranking.serving_config,
            serving_config_version=ranking.serving_config_version,
            degradations=ranking.degradations,
            results=shown,
        )

    def names(self, subjects: Subjects) -> bool:
        """Whether the request is, or speaks, of one of the people."""
        shopper = self.request.context  # type: ignore[attr-defined]
        return (
            subjects.is_id(shopper.customer_id) or subjects.is_id(shopper.visitor_id) or holds(self.request, subjects)
        )

    def packed(self) -> bytes:
        """Return the bytes that are stored; floats keep every bit."""
        content = {
            "surface": self.surface,
            "request": self.request.SerializeToString(deterministic=True).hex(),
            "deeds": [[deed.product_id, deed.action, deed.time] for deed in self.deeds],
            "trends": dict(self.trends),
            "model": self.model_version,
            "config": [self.serving_config, self.serving_config_version],
            "degradations": [[entry.stage, entry.cause] for entry in self.degradations],
            "results": [
                [
                    one.product_id,
                    one.title,
                    one.score,
                    one.propensity,
                    one.contributions,
                    [[move.kind, move.rule, move.before, move.after] for move in one.moves],
                ]
                for one in self.results
            ],
        }
        return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)

    @classmethod
    def unpacked(cls, stored: StoredAnswer) -> "LoggedAnswer":
        """Read what `packed` wrote."""
        content = json.loads(zlib.decompress(stored.content))
        return cls(
            answer_id=stored.answer_id,
            time=stored.time,
            surface=content["surface"],
            request=_REQUESTS[content["surface"]].FromString(bytes.fromhex(content["request"])),
            deeds=tuple(Deed(*entry) for entry in content["deeds"]),
            trends=content["trends"],
            model_version=content["model"],
            serving_config=content["config"][0],
            serving_config_version=content["config"][1],
            degradations=tuple(Degradation(*entry) for entry in content["degradations"]),
            results=tuple(
                Result(
                    product_id,
                    title,
                    score,
                    (),
                    contributions=tuple((name, value) for name, value in parts),
                    moves=tuple(Move(*move) for move in moves),
                    propensity=propensity,
                )
                for product_id, title, score, propensity, parts, moves in content["results"]
            ),
        )


class AnswerLog:
    """Takes answers down without letting anybody wait; what is older or more than agreed goes."""

    def __init__(self, db: Database, retention_seconds: float, most: int, now: Callable[[], float] = time.time) -> None:
        """Keep answers for `retention_seconds`, the newest `most` of them; 0 seconds keep none."""
        self._db, self._retention, self._most, self._now = db, retention_seconds, most, now
        self._waiting: deque[LoggedAnswer] = deque()
        self._arrived = asyncio.Event()
        self._writing = asyncio.Lock()
        self._pruned = 0.0
        self._lost = telemetry.meter().create_counter(METRIC_UNLOGGED, "{answer}", "Answers that cannot be replayed")

    def add(self, answer: LoggedAnswer) -> None:
        """Take one answer down soon; with a full buffer, or for a very large request, it is lost and counted."""
        if not self._retention:
            return
        if len(self._waiting) >= BUFFER or answer.request.ByteSize() > LARGEST_REQUEST_BYTES:
            self._lost.add(1)
            return
        self._waiting.append(answer)
        self._arrived.set()

    async def run(self) -> None:
        """Store batches for as long as the service runs."""
        while True:
            try:
                async with asyncio.timeout(PRUNE_EVERY_SECONDS):
                    await self._arrived.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(DELAY_SECONDS)
            try:
                await self.flush()
                await self._prune()
            except AisleError as error:
                _log.warning("requests cannot be logged yet", extra={"fields": {"reason": error.reason}})
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self) -> None:
        """Store everything that waits; raises what the database raises, and keeps what was not stored."""
        async with self._writing:
            self._arrived.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(LARGEST_BATCH, len(self._waiting)))]
                try:
                    await self._store(batch)
                except BaseException:
                    self._waiting.extendleft(reversed(batch))
                    self._arrived.set()
                    raise

    async def find(self, answer_id: str) -> LoggedAnswer | None:
        """Return an answer that was taken down and is not too old."""
        await self.flush()
        stored = await self._db.read(lambda conn: store.find(conn, answer_id))
        if stored is None or stored.time < self._now() - self._retention:
            return None
        return await asyncio.to_thread(LoggedAnswer.unpacked, stored)

    async def of_people(self, subjects: Subjects) -> list[str]:
        """Return the ids of the answers that were given to, or speak of, one of the people."""
        await self.flush()
        found: list[str] = []
        last = ""
        while page := await self._db.read(lambda conn, after=last: store.after(conn, after, _PAGE)):  # type: ignore[misc]
            last = page[-1].answer_id
            found += await asyncio.to_thread(_naming, page, subjects)
        return found

    async def _store(self, batch: Sequence[LoggedAnswer]) -> None:
        rows = await asyncio.to_thread(lambda: [StoredAnswer(one.answer_id, one.time, one.packed()) for one in batch])
        await self._db.write(lambda conn: store.add(conn, rows))

    async def _prune(self) -> None:
        if self._now() - self._pruned < PRUNE_EVERY_SECONDS:
            return
        self._pruned = self._now()
        while await self._db.write(lambda conn: store.prune(conn, self._now() - self._retention, self._most)):
            pass


def _naming(page: Sequence[StoredAnswer], subjects: Subjects) -> list[str]:
    return [one.answer_id for one in page if LoggedAnswer.unpacked(one).names(subjects)]
