"""`aisle serving`, `aisle replay` and the options of search, recommend and rank that name rules."""

import json
from pathlib import Path

import pytest
from aisle.ranker.v1 import ranker_service_pb2 as ranker
from aisle.ranker.v1 import ranking_pb2
from aisle.ranker.v1 import replay_pb2 as replay_pb
from aisle.ranker.v1 import serving_config_pb2 as pb
from cli_support import Fakes

HOME = {
    "rules": [
        {"id": "hero", "when": 'query : "desk"', "products": 'product_id = "p1"', "pin_position": 1},
        {"id": "fair", "exposure_cap": {"attribute": "brand", "max_count": 2, "window": 10}},
        {"id": "out", "products": 'title : "x"', "exclude": {}},
    ],
    "diversity": {"strength": 0.3},
    "exploration": {"epsilon_slot": {"position": 5, "epsilon": 0.1, "window": 20}},
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "home.json"
    path.write_text(json.dumps(HOME))
    return str(path)


def test_configs_are_made_shown_and_deleted(fakes: Fakes, file: str) -> None:
    def made(request: pb.CreateServingConfigRequest) -> pb.CreateServingConfigResponse:
        config = pb.ServingConfig()
        config.CopyFrom(request.serving_config)
        config.name, config.version = f"servingConfigs/{request.serving_config_id}", 1
        return pb.CreateServingConfigResponse(serving_config=config)

    fakes.answers["CreateServingConfig"] = made
    assert "home: version 1 with 3 rules." in fakes.run("serving", "create", "home", "--file", file).stdout
    (asked,) = fakes.asked("CreateServingConfig")
    stored = made(asked).serving_config
    assert asked.request_id and stored.rules[0].pin_position == 1
    fakes.answers |= {
        "GetServingConfig": pb.GetServingConfigResponse(serving_config=stored),
        "ListServingConfigs": pb.ListServingConfigsResponse(serving_configs=[stored]),
        "UpdateServingConfig": pb.UpdateServingConfigResponse(serving_config=stored),
        "DeleteServingConfig": pb.DeleteServingConfigResponse(),
    }
    shown = fakes.run("serving", "get", "home", "--version", "1").words
    assert "hero pin position 1" in shown and "at most 2 of one brand among the first 10" in shown
    assert "mmr 0.3" in shown and "position 5, epsilon 0.1" in shown
    assert "home 1 3" in fakes.run("serving", "list").words
    assert fakes.run("serving", "list", "--json").document["serving_configs"][0]["version"] == "1"
    fakes.run("serving", "update", "home", "--file", file, "--based-on", "4")
    (changed,) = fakes.asked("UpdateServingConfig")
    assert (changed.serving_config.name, changed.serving_config.version) == ("servingConfigs/home", 4)
    assert "home is deleted." in fakes.run("serving", "delete", "home").stdout
    Path(file).write_text('{"rules": [{"idd": 1}]}')
    assert "idd" in fakes.run("serving", "create", "x", "--file", file, code=2).stderr


def test_search_shows_what_moved_a_result_and_what_was_ignored(fakes: Fakes) -> None:
    result = ranking_pb2.RankingResult(product_id="p1", title="Desk", position=1, score=1.5, propensity=0.25)
    result.contributions.add(source="bm25", value=0.5)
    result.contributions.add(source="rule:red", value=1.0)
    result.moves.add(kind="pin", rule="hero", from_position=0, to_position=1)
    answer = ranker.SearchResponse(results=[result])
    answer.info.serving_config, answer.info.serving_config_version = "home", 3
    answer.info.invalid_conditions.add(field="boosts[0].products", problem="at character 7")
    fakes.answers["Search"] = answer
    shown = fakes.run("search", "desk", "--placement", "home", "--boost", 'brand = "a"=0.5', "--explain").words
    assert "bm25 0.5, rule:red 1 pin hero out to 1 (propensity 0.25)" in shown
    assert "home@3" in shown and "ignored boosts[0].products: at character 7" in shown
    (asked,) = fakes.asked("Search")
    assert (asked.serving_config, asked.explain) == ("servingConfigs/home", True)
    assert (asked.boosts[0].products, asked.boosts[0].boost) == ('brand = "a"', 0.5)
    assert "PRODUCTS=AMOUNT" in fakes.run("search", "x", "--boost", "nothing", code=2).stderr


def test_kinds_are_words(fakes: Fakes) -> None:
    fakes.answers["Recommend"] = ranker.RecommendResponse()
    fakes.run("recommend", "--kind", "trending")
    fakes.run("recommend", "--kind", "others-also", "--product", "p1")
    trending, others = fakes.asked("Recommend")
    assert trending.kind == ranker.RECOMMEND_KIND_TRENDING
    assert (others.kind, others.product_id) == (ranker.RECOMMEND_KIND_OTHERS_ALSO, "p1")
    assert "Known: for-you" in fakes.run("recommend", "--kind", "odd", code=2).stderr
    fakes.run("recommend", "--kind", "trending", "--similar", "p1", code=2)


def test_a_replay_names_ranks_and_causes(fakes: Fakes) -> None:
    answer = replay_pb.ReplayRequestResponse(answer_id="a-1")
    answer.logged.model_version, answer.replayed.model_version = "models/m/versions/1", "models/m/versions/2"
    one = answer.differences.add(product_id="p1", title="Desk", logged_position=1, replayed_position=4)
    one.causes.add(source="neural_relevance", logged=0.5, replayed=0.25)
    fakes.answers["ReplayRequest"] = answer
    shown = fakes.run("replay", "token", "--model", "m/2", "--config", "home@3").words
    assert "1 4 p1 Desk neural_relevance 0.5 to 0.25" in shown
    (asked,) = fakes.asked("ReplayRequest")
    assert (asked.model_version, asked.serving_config) == ("models/m/versions/2", "servingConfigs/home")
    assert asked.serving_config_version == 3
    answer.identical = True
    assert "the same to the bit" in fakes.run("replay", "a-1", "--model", "live").stdout
    fakes.run("replay", "a-1", "--config", "home@x", code=2)
