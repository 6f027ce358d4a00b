"""What does not work ends with the documented code, one line of what and one of what to do."""

import json
from pathlib import Path

import pytest
from aisle.governance.v1 import governance_service_pb2
from aisle.monitor.v1 import monitor_service_pb2
from aisle_runtime import errors
from aisle_runtime.errors import AisleError, FieldViolation
from cli_support import Fakes


class GateNotPassed(errors.FailedPrecondition):
    reason = "GATE_NOT_PASSED"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidField("page_size", "must not be negative"), 2),
        (errors.FailedPrecondition("It has ended."), 3),
        (errors.AlreadyExists("The id is taken."), 3),
        (errors.Aborted("Somebody else was first."), 3),
        (errors.NotFound("There is no dataset x.", next_step="See `aisle data datasets`."), 4),
        (errors.ResourceExhausted("Too busy.", retry_after_seconds=2), 5),
        (errors.DeadlineExceeded("Out of time."), 5),
        (GateNotPassed("The gates refused it."), 6),
        (errors.DataLoss("A digest does not match."), 1),
        (errors.PermissionDenied("Not yours."), 1),
    ],
)
def test_each_kind_of_refusal_has_its_exit_code(fakes: Fakes, error: AisleError, code: int) -> None:
    fakes.answers["ListDatasets"] = error
    outcome = fakes.run("data", "datasets", code=code)
    assert outcome.stdout == ""
    lines = outcome.stderr.splitlines()
    assert lines[0].startswith("Error: ")
    assert error.message.split(": ")[-1] in lines[0]
    assert len(lines) <= 2
    assert error.next_step in outcome.stderr
    if error.retry_after_seconds:
        assert lines[1] == "Repeat in 2.0 s."

    document = json.loads(fakes.run("data", "datasets", "--json", code=code).stderr)
    assert document["error"]["exit_code"] == code
    assert document["error"]["code"] == error.kind
    assert document["error"]["reason"] == error.reason
    assert document["error"]["service"] == "governance"
    assert len(document["trace_id"]) == 32


def test_fields_that_do_not_fit_are_named(fakes: Fakes) -> None:
    violations = [FieldViolation("spec.tasks[0].dataset", "does not exist"), FieldViolation("spec.seed", "too large")]
    fakes.answers["ListDatasets"] = errors.InvalidArgument("The spec does not fit.", violations=violations)
    outcome = fakes.run("data", "datasets", code=2)
    expected = "Error: The spec does not fit: spec.tasks[0].dataset: does not exist; spec.seed: too large\n"
    assert outcome.stderr == expected
    document = json.loads(fakes.run("data", "datasets", "--json", code=2).stderr)
    assert document["error"]["violations"][1] == {"field": "spec.seed", "description": "too large"}


def test_a_service_that_is_away_is_named_with_the_way_out(fakes: Fakes) -> None:
    fakes.address = "governance=127.0.0.1:1"
    outcome = fakes.run("data", "datasets", code=5)
    assert outcome.stderr.splitlines() == [
        "Error: Cannot reach governance at 127.0.0.1:1.",
        "Start Aisle with `aisle up`, or name the address: --address governance=HOST:PORT.",
    ]


def test_text_from_a_service_cannot_control_the_terminal(fakes: Fakes) -> None:
    fakes.answers["ListDatasets"] = errors.NotFound("gone \x1b[31mred\x07")
    assert "\x1b" not in fakes.run("data", "datasets", code=4).stderr


def test_a_bug_of_the_client_shows_no_traceback(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisle_cli.commands.data.collect", lambda *_: 1 / 0)
    outcome = fakes.run("data", "datasets", code=1)
    assert "ZeroDivisionError" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "AISLE_TRACEBACK=1" in outcome.stderr


def test_an_interrupt_says_what_goes_on(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aisle_cli.runs_view.follow", interrupt)
    outcome = fakes.run("runs", "watch", "p/r1", code=130)
    assert outcome.stderr == "Error: Interrupted.\nThe run goes on: `aisle runs watch p/r1`.\n"


def test_addresses_are_found_in_order(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fakes.answers["ListDatasets"] = governance_service_pb2.ListDatasetsResponse()
    fakes.answers["ListAlerts"] = monitor_service_pb2.ListAlertsResponse()
    address, fakes.address = fakes.address, "ranker=127.0.0.1:1"
    monkeypatch.setenv("AISLE_STATE_DIR", str(tmp_path))
    (tmp_path / "endpoints.json").write_text(json.dumps({"services": {"governance": address, "monitor": "no:1"}}))
    fakes.run("data", "datasets")
    monkeypatch.setenv("AISLE_MONITOR_ADDRESS", address)
    fakes.run("alerts", "list")
    outcome = fakes.run("data", "datasets", "--address", "governance=127.0.0.1:1", code=5)
    assert "127.0.0.1:1" in outcome.stderr
    assert "no service governence" in fakes.run("data", "datasets", "--address", "governence=x:1", code=2).stderr


def test_every_call_carries_one_trace_that_can_be_shown(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.answers["ListDatasets"] = governance_service_pb2.ListDatasetsResponse()
    first = fakes.run("data", "datasets", "--json").document["trace_id"]
    outcome = fakes.run("data", "datasets", "--verbose")
    second = outcome.stderr.split()[-1]
    assert [parent.split("-")[1] for parent in fakes.traceparents] == [first, second]
    assert first != second

    given = f"00-{'a' * 32}-{'b' * 16}-01"
    monkeypatch.setenv("AISLE_TRACEPARENT", given)
    assert fakes.run("data", "datasets", "--json").document["trace_id"] == "a" * 32
    assert fakes.traceparents[-1].split("-")[1] == "a" * 32
