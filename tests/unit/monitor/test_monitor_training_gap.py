"""A model that overfits is an alert."""

from aisle.monitor.v1 import observation_pb2
from aisle.trainer.v1 import trainer_events_pb2, training_report_pb2
from aisle_monitor.convert import observations, resources
from aisle_monitor.domain.alerts import AlertKind


def test_a_gap_between_training_and_validation_is_an_alert() -> None:
    gap = training_report_pb2.TrainingGap(step=40, training_loss=0.1, validation_loss=0.35, limit=0.1)
    event = trainer_events_pb2.TrainingGapFound(training_job="trainingJobs/t", widest=gap)
    alert = observations.training_gap_alert(event, "e1")
    assert (alert.kind, alert.subject, alert.key) == (AlertKind.TRAINING_GAP, "trainingJobs/t", "training_gap:e1")
    assert (round(alert.value, 3), alert.threshold) == (0.25, 0.1)
    assert "0.250 apart where 0.1 is allowed" in alert.message
    assert resources.alert(alert).kind == observation_pb2.ALERT_KIND_TRAINING_GAP
