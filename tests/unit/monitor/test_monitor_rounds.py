"""Runs, alerts and policies inside transactions, with the events that they publish; the words of the stages."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from aisle.governance.v1 import governance_events_pb2 as governance_pb
from aisle.monitor.v1 import monitor_events_pb2 as monitor_pb
from aisle.monitor.v1 import pipeline_run_pb2 as run_pb
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.ranker.v1 import ranker_events_pb2 as ranker_pb
from aisle.registry.v1 import registry_events_pb2 as registry_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_pb
from aisle.tuner.v1 import tuner_events_pb2 as tuner_pb
from aisle_monitor.alerting import Alerting
from aisle_monitor.convert import news, observations
from aisle_monitor.domain.alerts import Alert, AlertKind, Policy
from aisle_monitor.domain.runs import Run, StoredPipeline
from aisle_monitor.rounds import Rounds
from aisle_monitor.storage import alerts as alert_store
from aisle_monitor.storage import pipelines as store
from aisle_runtime import telemetry
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidField
from google.protobuf import text_format
from google.protobuf.message import Message
from sqlalchemy import Connection

T = TypeVar("T")
RUN = "pipelines/p/runs/r"


class ListOutbox:
    def __init__(self) -> None:
        self.events: list[tuple[str, Message]] = []

    def add(self, conn: Connection, subject: str, message: Message, *, event_id: str | None = None) -> str:
        self.events.append((subject, message))
        return event_id or str(len(self.events))

    def subjects(self) -> list[str]:
        return [subject.removeprefix("aisle.monitor.").removesuffix(".v1") for subject, _ in self.events]


class House:
    """A migrated database with rounds and alerting over it; the clock stands where a test puts it."""

    def __init__(self, folder: Path) -> None:
        self.db = Database(f"sqlite:///{folder / 'state.db'}")
        self.db.migrate("aisle_monitor.storage")
        self.outbox, self.time = ListOutbox(), 1000.0
        self.rounds = Rounds(self.outbox, lambda: self.time)
        self.alerting = Alerting(self.outbox, self.rounds, lambda: self.time)
        self.pipeline = StoredPipeline("pipelines/p", pipeline_pb.PipelineSpec().SerializeToString(), 1.0)
        self.write(lambda conn: store.add_pipeline(conn, self.pipeline))

    def write(self, effect: Callable[[Connection], T]) -> T:
        return self.db.write_sync(effect)

    def run(self, name: str = RUN) -> Run:
        found = self.db.read_sync(lambda conn: store.get_run(conn, name))
        assert found is not None
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.db.close()


def message(kind: type[T], text: str) -> T:
    return text_format.Parse(text.replace("SLIP", f'slip {{ pipeline_run: "{RUN}" }}'), kind())  # type: ignore[type-var, no-any-return]


def test_a_run_begins_with_its_event_in_the_callers_trace(house: House) -> None:
    telemetry.setup("test")
    with telemetry.span("root"):
        trace_id = telemetry.current_trace_id()
        override = pipeline_pb.TrainingSpec(max_steps=7)
        run = house.write(lambda conn: house.rounds.start(conn, house.pipeline, "cli", override))
    telemetry.shutdown()
    assert house.run(run.name) == run
    assert (run.trace_id, run.cause, run.create_time) == (trace_id, "cli", 1000.0)
    [(subject, event)] = house.outbox.events
    assert subject == "aisle.monitor.pipeline_run.requested.v1"
    assert isinstance(event, monitor_pb.PipelineRunRequested)
    assert (event.slip.pipeline_run, event.slip.spec.training.max_steps, event.cause) == (run.name, 7, "cli")


def test_a_run_finishes_once_whatever_comes_after(house: House) -> None:
    failed = message(
        trainer_pb.TrainingJobFailed,
        'training_job: "trainingJobs/j" failure { reason: "OOM" message: "No memory." } SLIP',
    )
    for time in (1010.0, 1020.0):
        house.write(lambda conn, t=time: house.rounds.apply(conn, news.training_failed(failed, t)))  # type: ignore[misc]
    assert house.outbox.subjects() == ["pipeline_run.finished"]
    event = house.outbox.events[0][1]
    assert isinstance(event, monitor_pb.PipelineRunFinished)
    finished = event.pipeline_run
    assert (finished.state, finished.failure.reason) == (run_pb.PIPELINE_RUN_STATE_FAILED, "OOM")
    assert finished.end_time.seconds == 1010


def test_an_event_of_an_unknown_run_takes_the_run_up_and_one_without_slip_does_not(house: House) -> None:
    succeeded = message(trainer_pb.TrainingJobSucceeded, 'training_job { name: "trainingJobs/j" } SLIP')
    house.write(lambda conn: house.rounds.apply(conn, news.training_succeeded(succeeded, 5.0)))
    assert house.run().news[0].resource == "trainingJobs/j"
    assert news.training_succeeded(message(trainer_pb.TrainingJobSucceeded, ""), 5.0) is None


def test_a_slip_with_a_malformed_run_name_is_refused(house: House) -> None:
    bad = message(trainer_pb.TrainingJobSucceeded, 'slip { pipeline_run: "../x" }')
    with pytest.raises(InvalidField):
        house.write(lambda conn: house.rounds.apply(conn, news.training_succeeded(bad, 5.0)))


def test_governance_words_gain_row_counts_when_a_version_is_heard_of_late(house: House) -> None:
    versions = 'dataset_versions: "datasets/orders/versions/2"'
    completed = message(
        governance_pb.GovernanceRunCompleted,
        f'governance_run {{ name: "governanceRuns/g" {versions} }} slip {{ pipeline_run: "{RUN}" {versions} }}',
    )
    house.write(lambda conn: house.rounds.apply(conn, news.governance_completed(completed, 5.0, {})))
    assert house.run().news[0].summary == "published orders version 2"
    house.write(lambda conn: store.remember_dataset_version(conn, "datasets/orders/versions/2", 397884))
    house.write(lambda conn: house.rounds.refresh_governance(conn, "governanceRuns/g"))
    assert house.run().news[0].summary == "published orders version 2 with 397,884 rows"
    house.write(lambda conn: house.rounds.refresh_governance(conn, "governanceRuns/other"))


ALERT = Alert("drift:2", AlertKind.DATA_DRIFT, "datasets/orders", "It moved.", 0.4, 0.2)
POLICY = Policy("policies/again", AlertKind.DATA_DRIFT, "datasets/orders", "pipelines/p", cooldown_seconds=60)


def raise_alert(house: House, alert: Alert) -> Alert:
    house.write(lambda conn: house.alerting.raise_alert(conn, alert))
    return house.db.read_sync(lambda conn: alert_store.list_alerts(conn, None, "", 1))[0]


def test_an_alert_is_raised_once_and_its_policy_starts_a_run(house: House) -> None:
    house.write(lambda conn: alert_store.add_policy(conn, POLICY))
    alert = raise_alert(house, ALERT)
    raise_alert(house, ALERT)
    assert house.outbox.subjects() == ["alert.raised"]
    house.write(lambda conn: house.alerting.answer(conn, alert.name))
    assert house.outbox.subjects() == ["alert.raised", "pipeline_run.requested", "policy.triggered"]
    [run] = house.db.read_sync(lambda conn: store.list_runs(conn, "pipelines/p", "", 5))
    assert run.cause == "policies/again"
    triggered = house.outbox.events[-1][1]
    assert isinstance(triggered, monitor_pb.PolicyTriggered)
    assert triggered.pipeline_run == triggered.alert.pipeline_run == run.name
    stored = house.db.read_sync(lambda conn: alert_store.get_alert(conn, alert.name))
    assert stored is not None and stored.pipeline_run == run.name


def test_a_policy_in_its_cooldown_starts_nothing(house: House) -> None:
    house.write(lambda conn: alert_store.add_policy(conn, POLICY))
    for number, time in enumerate((1000.0, 1059.0, 1060.0)):
        house.time = time
        alert = raise_alert(house, Alert(f"k{number}", AlertKind.DATA_DRIFT, "datasets/orders", "It moved."))
        house.write(lambda conn, name=alert.name: house.alerting.answer(conn, name))  # type: ignore[misc]
    assert house.outbox.subjects().count("policy.triggered") == 2


def test_training_words_hold_the_figures_with_interval_and_baselines() -> None:
    text = """
    training_job { name: "trainingJobs/j" } SLIP
    evaluation {
      tasks {
        kind: TASK_KIND_SEARCH_RELEVANCE
        systems { system: "model" metrics { name: "ndcg@10" value: 0.8612 lower: 0.84 upper: 0.88 } }
        systems { system: "zero_shot" metrics { name: "ndcg@10" value: 0.842 } }
        systems { system: "bm25" metrics { name: "mrr" value: 0.5 } }
      }
      tasks { kind: TASK_KIND_PURCHASE systems { system: "popularity" metrics { name: "recall@20" value: 0.1 } } }
    }
    """
    found = news.training_succeeded(message(trainer_pb.TrainingJobSucceeded, text), 5.0)
    assert found is not None
    assert found.news.summary == "search ndcg@10 0.861 [0.840, 0.880], zero-shot 0.842"


def test_other_words_hold_figures_too() -> None:
    study = message(
        tuner_pb.StudyCompleted,
        'study { name: "studies/s" best_trial: 3 best_score: 0.8123 best_spec { learning_rate: 0.0005 } '
        'stage { trial_count: 4 parameters { field: "learning_rate" } } } SLIP',
    )
    found = news.study_completed(study, 5.0)
    assert found is not None
    assert found.news.summary == "best of 4 trials is number 3, validation score 0.8123 (learning_rate 0.0005)"
    rejected = message(
        registry_pb.ModelVersionRejected,
        'model_version { name: "models/m/versions/2" verdict { results { passed: true explanation: "Fine." } '
        'results { explanation: "ndcg@10 is 0.02 lower." } } } SLIP',
    )
    found = news.version_rejected(rejected, 5.0)
    assert found is not None and found.news.summary == "refused by its gates: ndcg@10 is 0.02 lower"
    live = message(
        ranker_pb.ServingStateChanged,
        'live: true model_version: "models/m/versions/2" SLIP '
        'state { live { engine: "onnxruntime" search_product_count: 10158 recommend_product_count: 3900 } }',
    )
    found = news.serving_changed(live, 5.0)
    assert found is not None
    assert found.news.summary == "live on onnxruntime with 10,158 products to search and 3,900 to recommend"


def test_a_failed_load_and_a_failed_gate_are_alerts() -> None:
    failed = message(
        ranker_pb.ServingStateChanged,
        'model_version: "models/m/versions/2" failure { reason: "ARTIFACT_DIGEST_MISMATCH" message: "Bytes differ." }',
    )
    alert = observations.serving_alert(failed, "e1")
    assert alert is not None
    assert (alert.kind, alert.subject, alert.key) == (AlertKind.SERVING, "models/m", "serving:e1")
    gate = message(
        governance_pb.QualityGateFailed,
        'governance_run: "governanceRuns/g" dataset: "datasets/d" failed_checks { check: "grade.range" failed_row_count: 12 }',
    )
    alert = observations.quality_alert(gate, "e2")
    assert (alert.kind, alert.subject, alert.value) == (AlertKind.DATA_QUALITY, "datasets/d", 1.0)
    assert alert.message == "The quality gate stopped governanceRuns/g: 1 checks failed; grade.range on 12 rows."
