"""`aisle next`: what is asked, what is shown, what is refused."""

import json
from pathlib import Path

from aisle.trainer.v1 import next_items_pb2 as pb
from aisle_runtime.errors import FailedPrecondition
from cli_support import Fakes


def answer(request: pb.ScoreSequencesRequest) -> pb.ScoreSequencesResponse:
    one = pb.NextItems(items=[pb.NextItem(product_id="sku-9", score=1.5)], known_item_count=2)
    return pb.ScoreSequencesResponse(answers=[one] * len(request.histories))


def test_a_history_is_asked_about(fakes: Fakes) -> None:
    fakes.answers["ScoreSequences"] = answer
    outcome = fakes.run("next", "job-1", "sku-1", "sku-2", "--top", "5", "--candidate", "sku-9")
    assert "sku-9" in outcome.stdout
    (request,) = fakes.asked("ScoreSequences")
    assert (request.training_job, request.top_count) == ("trainingJobs/job-1", 5)
    assert list(request.histories[0].product_ids) == ["sku-1", "sku-2"]
    assert list(request.candidates) == ["sku-9"]


def test_many_histories_go_in_several_calls(fakes: Fakes, tmp_path: Path) -> None:
    fakes.answers["ScoreSequences"] = answer
    path = tmp_path / "histories.txt"
    path.write_text("a b\n\nc\n" * 80)
    outcome = fakes.run("next", "job-1", "--file", str(path), "--json")
    assert [len(request.histories) for request in fakes.asked("ScoreSequences")] == [100, 60]
    assert len(json.loads(outcome.stdout)["answers"]) == 160


def test_histories_come_from_one_place(fakes: Fakes, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n")
    assert "not both" in fakes.run("next", "job-1", code=2).stderr
    assert "no histories" in fakes.run("next", "job-1", "--file", str(empty), code=2).stderr
    assert "cannot be read" in fakes.run("next", "job-1", "--file", str(tmp_path / "gone"), code=2).stderr


def test_a_job_without_a_sequence_model_ends_with_its_code(fakes: Fakes) -> None:
    fakes.answers["ScoreSequences"] = FailedPrecondition("The training job made no sequence model.")
    assert "no sequence model" in fakes.run("next", "job-1", "a", code=3).stderr
