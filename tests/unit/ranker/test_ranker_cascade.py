"""The shared cascade: what got a neural score comes first, the rest follows, and the trail tells what was left out."""

import numpy as np
import pytest
from aisle_ranker.domain.answer import Ordering, Source, Trail
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade, NeuralPlan, Pool, ranks_within
from aisle_ranker.domain.neural import Neural
from aisle_runtime.testing import FakeClock
from ranker_support import Away, ScriptedEngine, stub_model, tokens

VECTOR = np.array([0.1, 0.5, 0.3, 0.4, 0.2])
LOGITS = (9, -5, 5, 0, 9)
WEIGHTS = {"neural_relevance": 1.0, "vector": 1.0}


def pool(**features: list[float]) -> Pool:
    given = {name: np.array(values) for name, values in (features or {"vector": list(VECTOR)}).items()}
    sources = {name: Source(values, np.arange(1, 6)) for name, values in given.items()}
    return Pool([f"p{i}" for i in range(5)], [f"title {i}" for i in range(5)], sources, given)


def plan(top: int = 3, feature: str = "neural_relevance") -> NeuralPlan:
    return NeuralPlan(feature, tokens(1)[0], lambda at: [tokens(LOGITS[i])[0] for i in at], top)


async def order(
    engine: ScriptedEngine, deadline: Deadline, trail: Trail, wanted: NeuralPlan | None, batch: int = 8, **more: object
) -> Ordering:
    weights = more.get("weights", WEIGHTS)
    candidates = more.get("pool", pool())
    return await Cascade(Neural(batch)).order(
        stub_model(engine), candidates, weights, {"bm25": 1.0}, wanted, deadline, trail  # type: ignore[arg-type]
    )  # fmt: skip


async def test_the_scored_come_first_by_the_full_blend_and_the_others_keep_theirs() -> None:
    trail = Trail()
    found = await order(ScriptedEngine(), Deadline(None), trail, plan())
    assert found.product_ids == ["p2", "p3", "p1", "p4", "p0"]
    assert found.titles == ["title 2", "title 3", "title 1", "title 4", "title 0"]
    sigmoid = 1 / (1 + np.exp(-np.array([5.0, 0.0, -5.0])))
    assert found.scores == pytest.approx([0.3 + sigmoid[0], 0.4 + sigmoid[1], 0.5 + sigmoid[2], 0.2, 0.1])
    neural = found.sources["neural_relevance"]
    assert neural.scores[:3] == pytest.approx(sigmoid)
    assert np.isnan(neural.scores[3:]).all()
    assert neural.ranks.tolist() == [0] * 5
    assert found.sources["vector"].ranks.tolist() == [3, 4, 2, 5, 1]
    assert [(stage.name, stage.candidate_count) for stage in trail.stages] == [("fuse", 5), ("neural", 3)]
    assert trail.degradations == []
    first, last = found.results(0, 1)[0], found.results(4, 10)[0]
    assert [part.source for part in first.components] == ["vector", "neural_relevance"]
    assert [(part.source, part.score, part.rank) for part in last.components] == [("vector", 0.1, 1)]
    assert len(found.results(0, 99)) == len(found) == 5


async def test_a_stage_that_ran_out_of_time_keeps_what_it_had() -> None:
    engine, trail = ScriptedEngine(seconds_per_cell=1.0), Trail()
    found = await order(engine, Deadline(1.0, clock=engine.clock), trail, plan(), batch=1)
    assert found.product_ids == ["p1", "p3", "p2", "p4", "p0"]
    assert found.scores[0] == pytest.approx(0.5 + 1 / (1 + np.exp(5)))
    assert found.scores[1:].tolist() == [0.4, 0.3, 0.2, 0.1]
    assert [(entry.stage, entry.cause) for entry in trail.degradations] == [("neural", "DEADLINE")]
    assert [(stage.name, stage.candidate_count) for stage in trail.stages] == [("fuse", 5), ("neural", 1)]


@pytest.mark.parametrize(
    ("engine", "remaining", "cause"), [(ScriptedEngine(), 0.0, "DEADLINE"), (Away(), None, "ENGINE_UNAVAILABLE")]
)
async def test_without_the_neural_stage_the_cheap_order_is_the_answer(
    engine: ScriptedEngine, remaining: float | None, cause: str
) -> None:
    trail = Trail()
    found = await order(engine, Deadline(remaining, clock=FakeClock(0.0)), trail, plan())
    assert found.product_ids == ["p1", "p3", "p2", "p4", "p0"]
    assert found.scores.tolist() == [0.5, 0.4, 0.3, 0.2, 0.1]
    assert [(entry.stage, entry.cause) for entry in trail.degradations] == [("neural", cause)]
    assert all(part.source == "vector" for result in found.results(0, 5) for part in result.components)


@pytest.mark.parametrize(
    ("wanted", "weights"), [(None, WEIGHTS), (plan(top=0), WEIGHTS), (plan(), {"vector": 1.0, "neural_relevance": 0.0})]
)
async def test_a_neural_stage_that_nobody_asked_for_is_no_degradation(
    wanted: NeuralPlan | None, weights: dict[str, float]
) -> None:
    engine, trail = ScriptedEngine(), Trail()
    found = await order(engine, Deadline(None), trail, wanted, weights=weights)
    assert found.product_ids == ["p1", "p3", "p2", "p4", "p0"]
    assert (engine.runs, [stage.name for stage in trail.stages], trail.degradations) == ([], ["fuse"], [])


async def test_a_head_that_the_model_lacks_is_told() -> None:
    trail = Trail()
    await order(
        ScriptedEngine(), Deadline(None), trail, plan(feature="neural_purchase"), weights={"neural_purchase": 1}
    )
    assert [(entry.stage, entry.cause) for entry in trail.degradations] == [("neural", "NO_MODEL")]


async def test_a_purely_neural_blend_chooses_by_the_fallback_and_never_rises() -> None:
    both = pool(vector=[0.0] * 5, bm25=[0.9, 0.1, 0.5, 0.7, 0.3])
    found = await order(
        ScriptedEngine(), Deadline(None), Trail(), plan(2), weights={"neural_relevance": 1.0}, pool=both
    )
    assert found.product_ids == ["p0", "p3", "p2", "p4", "p1"]
    assert (np.diff(found.scores) <= 0).all()


async def test_a_weighted_feature_that_is_not_there_leaves_the_order_to_the_fallback() -> None:
    """Vectors skipped for lack of time, BM25 without weight: the order must be BM25's, not the catalogue's."""
    lexical = pool(bm25=[0.1, 0.5, 0.3, 0.9, 0.2])
    weights = {"neural_relevance": 1.0, "vector": 2.0, "bm25": 0.0}
    found = await order(ScriptedEngine(), Deadline(0.0), Trail(), plan(), weights=weights, pool=lexical)
    assert found.product_ids == ["p3", "p1", "p2", "p4", "p0"]
    assert found.scores.tolist() == [0.9, 0.5, 0.3, 0.2, 0.1]


async def test_an_empty_pool_gives_an_empty_order() -> None:
    empty = Pool([], [], {}, {"vector": np.zeros(0)})
    trail = Trail()
    assert len(await order(ScriptedEngine(), Deadline(None), trail, plan(), pool=empty)) == 0
    assert [stage.name for stage in trail.stages] == ["fuse"]


def test_ranks_are_positions_in_the_source() -> None:
    assert ranks_within(np.array([2, 5, 9, 11]), np.array([9, 2])).tolist() == [2, 0, 1, 0]


def test_a_trail_times_stages_and_notes_each_cause_once() -> None:
    clock = FakeClock(0.0)
    trail = Trail(clock=clock)
    with pytest.raises(RuntimeError), trail.stage("lexical") as left:
        left.candidates = 3
        clock.advance(0.25)
        raise RuntimeError
    assert [(stage.name, stage.duration_ms, stage.candidate_count) for stage in trail.stages] == [("lexical", 250, 3)]
    for cause in ("DEADLINE", "DEADLINE", ""):
        trail.degrade("vector", cause)
    assert [(entry.stage, entry.cause) for entry in trail.degradations] == [("vector", "DEADLINE")]
