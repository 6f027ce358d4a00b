"""`aisle match`: what is asked, what is shown and written, what is refused."""

import csv
import json
from pathlib import Path

import pytest
from aisle.trainer.v1 import pair_matching_pb2 as pb
from aisle_runtime.errors import FailedPrecondition
from cli_support import Fakes

HEADER = "left_title,left_price,right_title,right_brand\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text(HEADER + "red lamp,9.5,lamp red,acme\n=1+1,,chair,\n")
    return path


def answer(request: pb.ScorePairsRequest) -> pb.ScorePairsResponse:
    scores = [pb.PairScore(score=0.9 - 0.5 * (at % 2), matches=at % 2 == 0) for at in range(len(request.pairs))]
    return pb.ScorePairsResponse(scores=scores, threshold=0.5)


def test_pairs_are_read_scored_and_written(fakes: Fakes, file: Path, tmp_path: Path) -> None:
    fakes.answers["ScorePairs"] = answer
    out = tmp_path / "out.csv"
    outcome = fakes.run("match", "job-1", str(file), "--out", str(out))
    assert "1 of 2 pairs match" in outcome.stdout
    (request,) = fakes.asked("ScorePairs")
    assert request.training_job == "trainingJobs/job-1"
    assert not request.HasField("threshold")
    first, second = request.pairs
    assert (first.left.title, first.left.price, first.right.brand) == ("red lamp", 9.5, "acme")
    assert not second.left.HasField("price")
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["matches"] for row in rows] == ["1", "0"]
    assert rows[1]["left_title"] == "'=1+1"


def test_many_pairs_go_in_several_calls(fakes: Fakes, tmp_path: Path) -> None:
    fakes.answers["ScorePairs"] = answer
    path = tmp_path / "many.csv"
    path.write_text("left_title,right_title\n" + "a,b\n" * 2100)
    outcome = fakes.run("match", "job-1", str(path), "--threshold", "0.3", "--json")
    assert [len(request.pairs) for request in fakes.asked("ScorePairs")] == [1000, 1000, 100]
    assert fakes.asked("ScorePairs")[0].threshold == 0.3
    assert len(json.loads(outcome.stdout)["pairs"]) == 2100


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("left_title,title\na,b\n", "right_title"),
        ("left_title,right_title\n", "holds no pairs"),
        ("left_title,right_title\na,\n", "Row 2: right_title is empty"),
        (HEADER + "a,cheap,b,\n", "left_price is not a number"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(fakes: Fakes, tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)
    outcome = fakes.run("match", "job-1", str(path), code=2)
    assert words in " ".join(outcome.stderr.split())


def test_a_job_without_a_matcher_ends_with_its_code(fakes: Fakes, file: Path) -> None:
    fakes.answers["ScorePairs"] = FailedPrecondition("The training job made no matcher.", reason="NO_MATCHER")
    assert "no matcher" in fakes.run("match", "job-1", str(file), code=3).stderr
