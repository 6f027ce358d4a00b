"""Answers a logged request again, with everything outside the model as it was, and says what differs."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from aisle.ranker.v1 import ranker_events_pb2 as events_pb
from aisle.ranker.v1 import ranking_pb2 as ranking_pb
from aisle.ranker.v1 import replay_pb2 as pb
from aisle_runtime import telemetry
from aisle_runtime.convert import to_timestamp
from aisle_runtime.db import Database
from aisle_runtime.tokens import Signer

from aisle_ranker.answer_log import AnswerLog, LoggedAnswer
from aisle_ranker.answering import Answering
from aisle_ranker.domain.answer import Result
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.loads import Version
from aisle_ranker.domain.placement import Placement
from aisle_ranker.domain.profile import Deed
from aisle_ranker.errors import AnswerNotLogged, InvalidField, ModelVersionNotKept
from aisle_ranker.placements import Placements
from aisle_ranker.serving import Serving
from aisle_ranker.storage import serving as serving_store
from aisle_ranker.telemetry import ATTR_MODEL_VERSION, ATTR_SURFACE, SPAN_REPLAY

LIVE = "live"
DEEPEST = 200
"""Positions among which products of the logged page are looked for."""
MOST_CAUSES = 8
_METHODS = {"search": "Search", "recommend": "Recommend", "rank": "Rank"}
_MISSING = Result("", "", 0.0, ())


class Known(Protocol):
    """What answers ask about shoppers."""

    def of(self, customer_id: str, visitor_id: str = "") -> Sequence[Deed]:
        """Return what they did lately."""
        ...

    def trends(self) -> Mapping[str, float]:
        """Return what shoppers deal with now."""
        ...


@dataclass(frozen=True, slots=True)
class _AsThen:
    """What was known of shoppers then."""

    logged: LoggedAnswer

    def of(self, customer_id: str, visitor_id: str = "") -> Sequence[Deed]:
        return self.logged.deeds

    def trends(self) -> Mapping[str, float]:
        return self.logged.trends


@dataclass(frozen=True, slots=True)
class _OnePlacement:
    """Whatever is asked for, the placement of the replay."""

    placement: Placement

    def of(self, name: str) -> Placement:
        return self.placement


@dataclass(slots=True)
class _Kept:
    """Catches the answer instead of showing or logging it."""

    answers: list[LoggedAnswer] = field(default_factory=list)

    def add(self, answer: LoggedAnswer | events_pb.ServedAnswer) -> None:
        if isinstance(answer, LoggedAnswer):
            self.answers.append(answer)


class _NoHurry:
    """A call without a deadline."""

    def time_remaining(self) -> float | None:
        return None


Doors = Callable[[Answering, Serving, Known], Any]
"""Makes a servicer on the given parts; the replay goes through the very doors that callers use."""
Prepare = Callable[[Version], Any]
"""Loads a stored version beside the live one."""


@dataclass
class Replays:
    """Answers again."""

    db: Database
    log: AnswerLog
    answering: Answering
    serving: Serving
    placements: Placements
    signer: Signer
    doors: Doors
    prepare: Prepare
    is_erased: Callable[[str], bool]
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A second model in memory is enough."""

    async def replay(self, request: pb.ReplayRequestRequest) -> pb.ReplayRequestResponse:
        """Return both sides and their differences.

        Raises InvalidField, TokenInvalid, AnswerNotLogged, ModelVersionNotKept, ServingConfigNotFound.
        """
        if request.serving_config_version and not request.serving_config:
            raise InvalidField("serving_config_version", "belongs to serving_config")
        logged = await self._logged(request.answer)
        placement = await self._placement(request, logged)
        with telemetry.span(SPAN_REPLAY) as span:
            async with self._model(request.model_version or logged.model_version) as live:
                span.set_attribute(ATTR_SURFACE, logged.surface)
                span.set_attribute(ATTR_MODEL_VERSION, live.name)
                again = await self._again(logged, live, placement)
        return _compared(logged, again)

    async def _logged(self, answer: str) -> LoggedAnswer:
        if not answer:
            raise InvalidField("answer", "is required", next_step="Send an attribution token or the answer id in it.")
        answer_id = answer
        if "." in answer:
            answer_id = str(json.loads(self.signer.verify(answer)).get("a", ""))
        logged = await self.log.find(answer_id)
        if logged is None:
            raise AnswerNotLogged()
        shopper = logged.request.context  # type: ignore[attr-defined]
        if self.is_erased(shopper.customer_id) or self.is_erased(shopper.visitor_id):
            raise AnswerNotLogged()
        return logged

    async def _placement(self, request: pb.ReplayRequestRequest, logged: LoggedAnswer) -> Placement:
        if not request.serving_config:
            return await self.placements.at(logged.serving_config, logged.serving_config_version)
        newest = self.placements.of(request.serving_config)
        if not request.serving_config_version:
            return newest
        return await self.placements.at(newest.name, request.serving_config_version)

    @asynccontextmanager
    async def _model(self, name: str) -> AsyncIterator[LiveModel]:
        with self.serving.use() as live:
            if name in (LIVE, live.name):
                yield live
                return
        for version in await self.db.read(serving_store.stored_versions):
            if version.name == name:
                break
        else:
            raise ModelVersionNotKept(name)
        async with self._one_at_a_time:
            model: LiveModel = await self.prepare(version)
            try:
                yield model
            finally:
                await model.engine.close()

    async def _again(self, logged: LoggedAnswer, live: LiveModel, placement: Placement) -> LoggedAnswer:
        serving, kept = Serving(lambda model: None), _Kept()
        serving.swap(live)
        moment = datetime.fromtimestamp(logged.time, UTC)
        answering = replace(
            self.answering,
            serving=serving,
            impressions=kept,
            log=kept,
            placements=_OnePlacement(placement),
            new_answer_id=lambda: logged.answer_id,
            now=lambda: moment,
            _orders=type(self.answering._orders)(),
        )
        request = type(logged.request)()
        request.CopyFrom(logged.request)
        if "page_size" in request.DESCRIPTOR.fields_by_name:
            request.page_size = DEEPEST  # type: ignore[attr-defined]
        servicer = self.doors(answering, serving, _AsThen(logged))
        await getattr(servicer, _METHODS[logged.surface])(request, _NoHurry())
        return kept.answers[0]


def _compared(logged: LoggedAnswer, again: LoggedAnswer) -> pb.ReplayRequestResponse:
    """Compare the logged page with as many results of the new answer."""
    page = len(logged.results)
    new_page = again.results[:page]
    before = {one.product_id: (at, one) for at, one in enumerate(logged.results, 1)}
    after = {one.product_id: (at, one) for at, one in enumerate(again.results, 1)}
    ids = [one.product_id for one in new_page] + [one for one in before if one not in {r.product_id for r in new_page}]
    identical = [_bits(one) for one in logged.results] == [_bits(one) for one in new_page]
    answer = pb.ReplayRequestResponse(
        answer_id=logged.answer_id,
        serve_time=to_timestamp(logged.time),
        surface=logged.surface,
        identical=identical,
        logged=_side(logged),
        replayed=_side(again),
    )
    for product_id in ids:
        (old_at, old), (new_at, new) = before.get(product_id, (0, _MISSING)), after.get(product_id, (0, _MISSING))
        answer.differences.append(
            pb.ReplayDifference(
                product_id=product_id,
                title=new.title or old.title,
                logged_position=old_at,
                replayed_position=new_at,
                logged_score=old.score,
                replayed_score=new.score,
                causes=_causes(old, new) if old_at and new_at else [],
            )
        )
    return answer


def _bits(result: Result) -> tuple[str, str, str]:
    return result.product_id, result.score.hex(), result.propensity.hex()


def _side(answer: LoggedAnswer) -> pb.ReplayedSide:
    return pb.ReplayedSide(
        model_version=answer.model_version,
        serving_config=answer.serving_config,
        serving_config_version=answer.serving_config_version,
        degradations=[
            ranking_pb.Degradation(skipped_stage=entry.stage, cause=entry.cause) for entry in answer.degradations
        ],
    )


def _causes(old: Result, new: Result) -> list[pb.ReplayCause]:
    """Return what changed, contributions by the size of the change, then moves."""
    before, after = dict(old.contributions), dict(new.contributions)
    names = [name for name in {**before, **after} if before.get(name, 0.0) != after.get(name, 0.0)]
    names.sort(key=lambda name: -abs(after.get(name, 0.0) - before.get(name, 0.0)))
    causes = [
        pb.ReplayCause(source=name, logged=before.get(name, 0.0), replayed=after.get(name, 0.0))
        for name in names[:MOST_CAUSES]
    ]
    moved, moves = _moves(old), _moves(new)
    for name in {**moved, **moves}:
        if moved.get(name, 0) != moves.get(name, 0):
            causes.append(pb.ReplayCause(source=name, logged=moved.get(name, 0), replayed=moves.get(name, 0)))
    return causes


def _moves(result: Result) -> dict[str, int]:
    """Return by how many positions each step moved it, up is positive."""
    found: dict[str, int] = {}
    for move in result.moves:
        name = f"{move.kind}:{move.rule}" if move.rule else move.kind
        found[name] = found.get(name, 0) + (move.before - move.after if move.before else 0)
    return found
