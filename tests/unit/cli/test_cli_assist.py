"""`aisle assist` and `aisle support` against stand-ins: what is sent, what is shown, and where a bad line is."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from aisle.ranker.v1 import assist_service_pb2 as pb
from aisle.ranker.v1 import assist_service_pb2_grpc as pb_grpc
from aisle_cli.main import app
from typer.testing import CliRunner


class Desk(pb_grpc.AssistServiceServicer):
    def __init__(self) -> None:
        self.stored: list[str] = []

    def Assist(self, request, context):  # type: ignore[no-untyped-def]
        yield pb.AssistResponse(understanding=pb.AssistUnderstanding(language="en"))
        for part in ("One.", "\nTwo."):
            yield pb.AssistResponse(text=part)
        citation = pb.AssistCitation(document_id="d1", begin_offset=3, end_offset=7, quotation="One.")
        yield pb.AssistResponse(outcome=pb.AssistOutcome(kind=pb.ASSIST_OUTCOME_KIND_QUOTATION, citations=[citation]))

    def UpsertSupportDocuments(self, request, context):  # type: ignore[no-untyped-def]
        assert request.request_id
        self.stored += [document.document_id for document in request.support_documents]
        return pb.UpsertSupportDocumentsResponse(created_count=len(request.support_documents))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    server, servicer = grpc.server(ThreadPoolExecutor(2)), Desk()
    pb_grpc.add_AssistServiceServicer_to_server(servicer, server)
    monkeypatch.setenv("AISLE_RANKER_ADDRESS", f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    yield servicer
    server.stop(0).wait()


def run(*arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, list(arguments))
    return outcome.exit_code, outcome.output


def test_an_answer_is_put_together_with_its_sources(desk: Desk) -> None:
    code, shown = run("assist", "hello")
    assert code == 0
    assert "One.\nTwo." in shown
    assert "3-7" in shown
    code, shown = run("assist", "hello", "--json")
    assert json.loads(shown)["text"] == "One.\nTwo."


def test_a_file_is_sent_in_calls_and_a_bad_line_is_named(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "documents.jsonl"
    file.write_text("".join(json.dumps({"document_id": f"d{n}", "text": "t"}) + "\n" for n in range(1001)))
    assert run("support", "put", "documents", str(file)) == (0, "1001 new, 0 replaced.\n")
    assert desk.stored == [f"d{n}" for n in range(1001)]
    file.write_text('{"document_id": "d", "text": "t"}\n{"nothing": 1}\n')
    code, shown = run("support", "put", "documents", str(file))
    assert code == 1
    assert "documents.jsonl, line 2" in shown
    assert run("support", "put", "rumours", str(file))[0] == 2
