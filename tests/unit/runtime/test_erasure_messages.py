"""Who is found, and what is taken out of messages, tables and bundles."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from aisle.governance.v1 import (
    governance_events_pb2,
    governance_service_pb2,
    user_event_pb2,
)
from aisle.monitor.v1 import monitor_events_pb2, monitor_service_pb2
from aisle.ranker.v1 import ranker_events_pb2, ranker_service_pb2
from aisle.registry.v1 import model_version_pb2, registry_service_pb2
from aisle.trainer.v1 import trainer_events_pb2, trainer_service_pb2, training_job_pb2
from aisle.tuner.v1 import tuner_events_pb2, tuner_service_pb2
from aisle.type.v1 import context_pb2, failure_pb2, subject_pb2
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.erasing.bundles import StoredFile, bundle_digest, names_somebody, rewrite_bundle
from aisle_runtime.erasing.messages import holds, names_subject, scrub, scrub_json
from aisle_runtime.erasing.stream import matches
from aisle_runtime.erasing.subjects import Subjects, key_check, subject_hash
from aisle_runtime.tokens import Signer
from google.protobuf.message import Message

KEY = b"k" * 32
PERSON, OTHER = "cust-4711", "cust-1111"
THEM = Subjects(KEY, [subject_hash(KEY, PERSON)])
KEYS = ("customer_id",)


def token(customer: str) -> str:
    return Signer(b"s" * 32).sign(json.dumps({"a": "a1", "c": customer}).encode(), 60)


def test_a_word_is_taken_out_of_a_text_and_the_rest_stays() -> None:
    assert THEM.redacted(f"for {PERSON}, please") == "for [erased], please"
    assert THEM.redacted(f"it was {PERSON}.") == "it was [erased]."
    assert THEM.redacted(f"for {OTHER}") == f"for {OTHER}"
    assert Subjects(KEY, [subject_hash(KEY, "17850")]).redacted("17850 of 17850") == "17850 of 17850"
    assert not Subjects(b"", ()).is_id(PERSON)
    assert key_check(KEY) != key_check(b"q" * 32) and len(key_check(KEY)) == 16


def test_events_of_a_person_go_and_those_of_others_stay() -> None:
    event = governance_events_pb2.UserEventsCollected(
        events=[
            user_event_pb2.UserEvent(event_id="1", customer_id=f" {PERSON} "),
            user_event_pb2.UserEvent(event_id="2", customer_id=OTHER, attribution_token=token(OTHER)),
            user_event_pb2.UserEvent(event_id="3", attribution_token=token(PERSON)),
        ]
    )
    assert holds(event, THEM) and len(event.events) == 3
    assert scrub(event, THEM) == 2
    assert [one.event_id for one in event.events] == ["2"]
    assert scrub(event, THEM) == 0 and not holds(event, THEM)


def test_units_that_are_people_go_with_their_values() -> None:
    evaluation = training_job_pb2.TaskEvaluation(
        unit_ids=[OTHER, PERSON, "c3"],
        systems=[
            training_job_pb2.SystemResult(system="model", unit_values=[1.0, 2.0, 3.0]),
            training_job_pb2.SystemResult(system="random"),
        ],
    )
    told = trainer_events_pb2.TrainingJobSucceeded(evaluation=training_job_pb2.Evaluation(tasks=[evaluation]))
    assert scrub(told, THEM) == 1
    (kept,) = told.evaluation.tasks
    assert list(kept.unit_ids) == [OTHER, "c3"] and list(kept.systems[0].unit_values) == [1.0, 3.0]


def test_maps_single_messages_and_texts_lose_the_person() -> None:
    failure = failure_pb2.Failure(message=f"{PERSON} is wrong", facts={"row": f"of {PERSON}", PERSON: "x", "n": "1"})
    assert scrub(failure, THEM) == 3
    assert failure.message == "[erased] is wrong" and dict(failure.facts) == {"row": "of [erased]", "n": "1"}
    request = ranker_service_pb2.SearchRequest(query="lamp", context=context_pb2.ShopperContext(customer_id=PERSON))
    assert scrub(request, THEM) == 1 and not request.HasField("context") and request.query == "lamp"


def test_json_loses_ids_only_where_ids_stand() -> None:
    short = Subjects(KEY, [subject_hash(KEY, "17850")])
    value = {"customer_id": "17850", "product_id": "17850", "rows": [{"customer_id": "1"}]}
    assert scrub_json(value, short, KEYS) == value | {"customer_id": "[erased]"}


@pytest.mark.parametrize(
    "text",
    ["", "abc", "a.b", "." * 20, "x" * 20_000 + ".y", token(OTHER)],
    ids=["empty", "word", "two parts", "dots", "very long", "token of another"],
)
def test_what_is_no_token_of_theirs_names_nobody(text: str) -> None:
    assert not names_subject(text, THEM)
    assert names_subject(token(PERSON), THEM)


MODULES = [
    governance_events_pb2, governance_service_pb2, monitor_events_pb2, monitor_service_pb2, ranker_events_pb2,
    ranker_service_pb2, registry_service_pb2, trainer_events_pb2, trainer_service_pb2, tuner_events_pb2,
    tuner_service_pb2, user_event_pb2, model_version_pb2, training_job_pb2, context_pb2,
]  # fmt: skip
EXPECTED = {
    "customer_id": subject_pb2.SUBJECT_DATA_ID,
    "attribution_token": subject_pb2.SUBJECT_DATA_TOKEN,
    "unit_ids": subject_pb2.SUBJECT_DATA_UNIT_IDS,
    "unit_values": subject_pb2.SUBJECT_DATA_UNIT_VALUES,
}


def undeclared(modules: list[object]) -> list[str]:
    """Fields of the contracts that hold ids of people and do not say so."""
    return [
        field.full_name
        for module in modules
        for message in module.DESCRIPTOR.message_types_by_name.values()  # type: ignore[attr-defined]
        for field in message.fields
        if field.name in EXPECTED and field.GetOptions().Extensions[subject_pb2.subject_data] != EXPECTED[field.name]
    ]


def test_every_field_that_holds_a_person_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert undeclared(MODULES) == []
    monkeypatch.setitem(EXPECTED, "event_id", subject_pb2.SUBJECT_DATA_ID)
    assert undeclared([user_event_pb2]) == ["aisle.governance.v1.UserEvent.event_id"]


def put_table(store: ArtifactStore, path: str, table: pa.Table) -> StoredFile:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    data = sink.getvalue().to_pybytes()
    return StoredFile(path, store.put_bytes(data), len(data))


def put_json(store: ArtifactStore, path: str, value: object) -> StoredFile:
    data = json.dumps(value, indent=1, sort_keys=True).encode()
    return StoredFile(path, store.put_bytes(data), len(data))


def bundle(
    store: ArtifactStore, *, title: str = "LAMP", customers: tuple[str, ...] = (PERSON, OTHER)
) -> list[StoredFile]:
    rows = len(customers)
    histories = pa.table({"customer_id": list(customers), "product_ids": [["1"]] * rows, "order_count": [1] * rows})
    files = [
        put_table(store, "histories.arrow", histories),
        put_table(store, "search_index.arrow", pa.table({"product_id": ["1"], "title": [title]})),
        put_json(
            store, "golden.json", {"recommend": [{"customer_id": one, "top_product_ids": ["1"]} for one in customers]}
        ),
        put_json(store, "tokenizer.json", {"vocab": {PERSON: 1}}),
    ]
    listed = {file.path: {"sha256": file.sha256, "size_bytes": file.size_bytes} for file in files}
    return [*files, put_json(store, "manifest.json", {"files": listed, "heads": []})]


def test_a_bundle_loses_the_person_and_its_manifest_says_so(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    before = bundle(store, title=f"MUG FOR {PERSON}")
    assert names_somebody(store, before, THEM, KEYS)
    found = rewrite_bundle(store, before, THEM, KEYS)
    assert found is not None
    assert found.changed == ("golden.json", "histories.arrow", "manifest.json", "search_index.arrow")
    assert (found.row_count, found.text_count) == (2, 1)
    after = {file.path: file for file in found.files}
    assert after["tokenizer.json"] == {file.path: file for file in before}["tokenizer.json"]
    with pa.ipc.open_file(store.path(after["histories.arrow"].sha256)) as reader:
        assert reader.read_all()["customer_id"].to_pylist() == [OTHER]
    with pa.ipc.open_file(store.path(after["search_index.arrow"].sha256)) as reader:
        assert reader.read_all()["title"].to_pylist() == ["MUG FOR [erased]"]
    manifest = json.loads(store.path(after["manifest.json"].sha256).read_bytes())
    assert {path: entry["sha256"] for path, entry in manifest["files"].items()} == {
        path: file.sha256 for path, file in after.items() if path != "manifest.json"
    }
    assert bundle_digest(found.files) != bundle_digest(before)
    assert not names_somebody(store, found.files, THEM, KEYS)
    assert rewrite_bundle(store, found.files, THEM, KEYS) is None
    again = rewrite_bundle(ArtifactStore(tmp_path), before, THEM, KEYS)
    assert again is not None and again.files == found.files  # whoever keeps a copy comes to the same bytes


def test_a_bundle_that_names_nobody_is_left_alone(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    files = bundle(store, customers=(OTHER,))
    assert rewrite_bundle(store, files, THEM, KEYS) is None and not names_somebody(store, files, THEM, KEYS)
    for file in files:
        store.delete(file.sha256)
    assert rewrite_bundle(store, files, THEM, KEYS) is None  # files that are gone hold nobody


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [("a.b", "a.b", True), ("a.*", "a.b", True), ("a.*", "a.b.c", False), ("a.>", "a.b.c", True), ("a.>", "a", False),
     (">", "x", True), ("a.b", "a.c", False)],
)  # fmt: skip
def test_patterns_of_subjects(pattern: str, subject: str, fits: bool) -> None:
    assert matches(pattern, subject) is fits


def test_the_option_can_be_read_from_a_message_class() -> None:
    message: type[Message] = user_event_pb2.UserEvent
    options = message.DESCRIPTOR.fields_by_name["customer_id"].GetOptions()
    assert options.Extensions[subject_pb2.subject_data] == subject_pb2.SUBJECT_DATA_ID
