"""The one file that knows both the contracts and the rules' own types."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from aisle.governance.v1 import user_event_pb2
from aisle.ranker.v1 import ranker_events_pb2 as events_pb
from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle.ranker.v1 import ranking_pb2 as ranking_pb
from aisle.ranker.v1 import serving_config_pb2 as config_pb
from aisle.registry.v1 import model_version_pb2
from aisle.type.v1 import failure_pb2
from aisle_runtime.convert import failure_from_error, from_timestamp, to_timestamp

from aisle_ranker.domain.answer import Ranking, Result
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.loads import FailureFacts, Version
from aisle_ranker.domain.profile import Deed, Profile
from aisle_ranker.domain.rank import Wanted

_ACTIONS = {
    user_event_pb2.USER_EVENT_TYPE_CLICK: "click",
    user_event_pb2.USER_EVENT_TYPE_ADD_TO_CART: "cart",
    user_event_pb2.USER_EVENT_TYPE_PURCHASE: "purchase",
    user_event_pb2.USER_EVENT_TYPE_VIEW: "view",
}


def version(message: model_version_pb2.ModelVersion, sequence: int) -> Version:
    """Read a model version that is number `sequence` in its alias's history."""
    files = {file.path: file.sha256 for file in message.files}
    return Version(message.name, message.bundle_digest, files, sequence)


def deed(event: user_event_pb2.UserEvent) -> Deed | None:
    """Read what a shopper did; None for a type that this release does not know."""
    action = _ACTIONS.get(event.type)
    if action is None or not event.product_id:
        return None
    return Deed(event.product_id, action, from_timestamp(event.event_time).timestamp())


def wanted(candidates: Iterable[pb.Candidate]) -> list[Wanted]:
    """Read the caller's candidates."""
    return [Wanted(candidate.product_id, candidate.title.strip()) for candidate in candidates]


def results(
    found: Sequence[Result], offset: int, dataset_version: str, *, explain: bool = False
) -> list[ranking_pb.RankingResult]:
    """Write a page of results that begins after `offset` others; `explain` adds what their scores are made of."""
    return [
        ranking_pb.RankingResult(
            product_id=result.product_id,
            title=result.title,
            position=offset + place,
            score=result.score,
            components=[
                ranking_pb.ScoreComponent(source=part.source, score=part.score, rank=part.rank)
                for part in result.components
            ],
            dataset_version=dataset_version,
            propensity=result.propensity,
            contributions=[
                ranking_pb.Contribution(source=source, value=value) for source, value in result.contributions if explain
            ],
            moves=[
                ranking_pb.Move(kind=move.kind, rule=move.rule, from_position=move.before, to_position=move.after)
                for move in result.moves
            ],
        )
        for place, result in enumerate(found, 1)
    ]


def answer_info(ranking: Ranking, *, token: str, trace_id: str, duration_ms: float) -> ranking_pb.AnswerInfo:
    """Write what an answer says about itself."""
    return ranking_pb.AnswerInfo(
        attribution_token=token,
        serving_config=ranking.serving_config,
        serving_config_version=ranking.serving_config_version,
        invalid_conditions=[
            config_pb.InvalidCondition(field=field, problem=problem) for field, problem in ranking.invalid
        ],
        model_version=ranking.model_version,
        dataset_versions=[ranking.dataset_version] if ranking.dataset_version else [],
        timings=[
            ranking_pb.StageTiming(
                stage=stage.name, duration_ms=stage.duration_ms, candidate_count=stage.candidate_count
            )
            for stage in ranking.stages
        ],
        degradations=[
            ranking_pb.Degradation(skipped_stage=entry.stage, cause=entry.cause) for entry in ranking.degradations
        ],
        total_duration_ms=duration_ms,
        trace_id=trace_id,
    )


def profile(known: Profile) -> pb.UserProfile:
    """Write a profile."""
    return pb.UserProfile(
        customer_id=known.customer_id,
        recent=[
            pb.ProfileEvidence(
                product_id=entry.product_id,
                title=entry.title,
                action=entry.action,
                event_time=to_timestamp(entry.time),
            )
            for entry in known.recent
        ],
        interests=[
            pb.Interest(topic=entry.topic, weight=entry.weight, product_ids=entry.product_ids)
            for entry in known.interests
        ],
        order_count=known.order_count,
    )


def serving_state(
    live: LiveModel | None, loading: str, failure: FailureFacts | None, swap_count: int
) -> ranking_pb.ServingState:
    """Write what the ranker serves."""
    state = ranking_pb.ServingState(loading_model_version=loading, swap_count=swap_count)
    if live is not None:
        state.live.CopyFrom(
            ranking_pb.ServingModel(
                model_version=live.name,
                bundle_digest=live.bundle_digest,
                engine=live.engine.name,
                live_time=to_timestamp(live.live_time),
                search_product_count=len(live.search.catalog),
                recommend_product_count=len(live.recommend.catalog),
            )
        )
    if failure is not None:
        state.last_load_failure.CopyFrom(failure_message(failure))
    return state


def failure_facts(error: BaseException) -> FailureFacts:
    """Say why a load failed; anything unexpected is masked."""
    told = failure_from_error(error)
    return FailureFacts(told.reason, told.message, told.next_step, dict(told.facts))


def failure_message(failure: FailureFacts) -> failure_pb2.Failure:
    """Write a stored failure."""
    return failure_pb2.Failure(
        reason=failure.reason, message=failure.message, next_step=failure.next_step, facts=dict(failure.facts)
    )


def served_answer(
    ranking: Ranking,
    shown: Sequence[Result],
    offset: int,
    *,
    answer_id: str,
    surface: str,
    customer_id: str,
    serve_time: datetime,
    duration_ms: float,
    query: str = "",
    visitor_id: str = "",
) -> events_pb.ServedAnswer:
    """Write the impressions of an answer that showed `shown` after `offset` others."""
    return events_pb.ServedAnswer(
        answer_id=answer_id,
        surface=surface,
        model_version=ranking.model_version,
        customer_id=customer_id,
        impressions=[
            ranking_pb.Impression(
                product_id=result.product_id,
                position=offset + place,
                score=result.score,
                propensity=result.propensity,
            )
            for place, result in enumerate(shown, 1)
        ],
        serve_time=to_timestamp(serve_time),
        duration_ms=duration_ms,
        skipped_stages=[entry.stage for entry in ranking.degradations],
        query=query,
        visitor_id=visitor_id,
        serving_config=ranking.serving_config,
        serving_config_version=ranking.serving_config_version,
    )
