"""Time: deadlines count down, costs are learned, and neural work stops before the caller's time does."""

import math

import numpy as np
import pytest
from aisle_ranker.domain.answer import DEADLINE, ENGINE_UNAVAILABLE, NO_MODEL
from aisle_ranker.domain.blend import sigmoid
from aisle_ranker.domain.budget import CostModel, Deadline
from aisle_ranker.domain.engine import EMBEDDER, RANKER
from aisle_ranker.domain.neural import Neural, StageSkipped
from aisle_runtime.testing import FakeClock
from ranker_support import Away, ScriptedEngine, stub_model, tokens

FIRST = tokens(1)[0]


def test_a_deadline_counts_down_and_keeps_its_reserve() -> None:
    clock = FakeClock(0.0)
    deadline = Deadline(1.0, reserve=0.25, clock=clock)
    assert deadline.left() == 0.75
    assert deadline.allows(0.75)
    assert not deadline.allows(0.76)
    clock.advance(1.0)
    assert deadline.left() == -0.25
    assert not deadline.allows(0.0)
    assert Deadline(None, reserve=5.0, clock=clock).left() == math.inf


def test_the_cost_is_a_mean_with_two_deviations() -> None:
    cost = CostModel()
    assert cost.predict(1_000) == 0.0
    cost.learn(100, 1.0)
    assert (cost.mean, cost.deviation) == (0.01, 0.0025)
    assert cost.predict(10) == pytest.approx(10 * (0.01 + 2 * 0.0025))
    cost.learn(100, 2.0)
    assert cost.deviation == pytest.approx(0.0025 + 0.25 * (0.01 - 0.0025))
    assert cost.mean == pytest.approx(0.01 + 0.2 * 0.01)


def test_work_under_way_is_waited_for_by_as_many_as_work() -> None:
    cost = CostModel(workers=2, backlog=20)
    cost.learn(1, 1.0)
    assert cost.predict(5) == pytest.approx((10 + 5) * 1.5)
    remote = CostModel(workers=0, backlog=20)
    remote.learn(1, 1.0)
    assert remote.predict(5) == pytest.approx(5 * 1.5)


def test_one_stall_is_believed_only_in_part_and_skipping_forgets() -> None:
    cost = CostModel()
    cost.learn(10, 1.0)
    cost.learn(10, 1_000.0)
    assert cost.mean == pytest.approx(0.1 + 0.2 * (4 * 0.1 - 0.1))
    before = (cost.mean, cost.deviation)
    cost.learn(0, 5.0)
    assert (cost.mean, cost.deviation) == before
    cost.relax()
    assert (cost.mean, cost.deviation) == pytest.approx((before[0] * 0.98, before[1] * 0.98))


@pytest.mark.parametrize(("remaining", "scored"), [(5.0, 4), (5.5, 5), (100.0, 6), (2.0, 2)])
async def test_scoring_stops_at_the_last_piece_that_fits(remaining: float, scored: int) -> None:
    engine = ScriptedEngine(seconds_per_cell=1.0)
    deadline = Deadline(remaining, clock=engine.clock)
    found, cause = await Neural(2).score(stub_model(engine), "relevance", FIRST, tokens(0, 1, 2, 3, 4, 5), deadline)
    assert found[:scored] == pytest.approx(sigmoid(np.arange(scored)))
    assert np.isnan(found[scored:]).all()
    assert cause == (DEADLINE if scored < 6 else "")
    assert engine.clock() <= remaining
    assert sum(rows for _, rows in engine.runs) == scored


async def test_without_time_nothing_is_begun_and_the_cost_is_doubted() -> None:
    engine, neural = ScriptedEngine(), Neural()
    neural.costs[EMBEDDER] = CostModel(workers=1, mean=1.0, deviation=0.5)
    with pytest.raises(StageSkipped) as skipped:
        await neural.embed(stub_model(engine), FIRST, Deadline(0.0, clock=engine.clock))
    assert skipped.value.cause == DEADLINE
    assert engine.runs == []
    assert neural.costs[EMBEDDER].mean == 0.98


async def test_a_run_that_overruns_is_cut_and_remembered() -> None:
    engine, neural = ScriptedEngine(seconds_per_cell=10.0), Neural(4)
    found, cause = await neural.score(
        stub_model(engine), "relevance", FIRST, tokens(1, 2), Deadline(4.0, clock=engine.clock)
    )
    assert (np.isnan(found).all(), cause) == (True, DEADLINE)
    assert neural.costs[RANKER].mean == 2.0
    assert neural.costs[RANKER].backlog == 0


async def test_an_engine_that_is_away_and_a_head_that_is_missing_are_told_apart() -> None:
    neural, away = Neural(), Away()
    found, cause = await neural.score(stub_model(away), "relevance", FIRST, tokens(1), Deadline(None))
    assert (np.isnan(found).all(), cause) == (True, ENGINE_UNAVAILABLE)
    assert neural.costs[RANKER].backlog == 0
    engine = ScriptedEngine()
    found, cause = await neural.score(stub_model(engine), "purchase", FIRST, tokens(1), Deadline(None))
    assert (np.isnan(found).all(), cause, engine.runs) == (True, NO_MODEL, [])


async def test_embeddings_are_zero_from_where_time_ran_out() -> None:
    engine = ScriptedEngine(seconds_per_cell=1.0)
    deadline = Deadline(3.0, clock=engine.clock)
    found, cause = await Neural(2).embed_all(stub_model(engine), tokens(7, 8, 9), deadline)
    assert found.tolist() == [[7, 1], [8, 1], [0, 0]]
    assert cause == DEADLINE


async def test_another_engine_is_measured_anew() -> None:
    neural = Neural()
    await neural.embed(stub_model(ScriptedEngine(seconds_per_cell=3.0)), FIRST, Deadline(None))
    assert neural.costs[EMBEDDER].mean == 3.0
    await neural.embed(stub_model(ScriptedEngine(workers=0)), FIRST, Deadline(None))
    assert (neural.costs[EMBEDDER].workers, neural.costs[EMBEDDER].mean) == (0, 0.0)
