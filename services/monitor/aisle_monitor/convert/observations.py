"""Events about what was served and what went wrong: to answers and alerts."""

from collections.abc import Iterator

from aisle.governance.v1 import governance_events_pb2 as governance_pb
from aisle.ranker.v1 import ranker_events_pb2 as ranker_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_pb
from aisle_runtime.convert import from_timestamp

from aisle_monitor.domain.alerts import Alert, AlertKind
from aisle_monitor.domain.engagement import Answer, model_of


def answers(event: ranker_pb.ImpressionsServed) -> Iterator[Answer]:
    """Translate the answers of one event."""
    for served in event.answers:
        yield Answer(
            answer_id=served.answer_id,
            surface=served.surface,
            model_version=served.model_version,
            product_ids=tuple(impression.product_id for impression in served.impressions),
            duration_ms=served.duration_ms,
            degraded=bool(served.skipped_stages),
            serve_time=from_timestamp(served.serve_time).timestamp(),
        )


def serving_alert(event: ranker_pb.ServingStateChanged, event_id: str) -> Alert | None:
    """Return the alert for a model that could not be loaded; None when nothing failed."""
    if event.live or not event.HasField("failure"):
        return None
    message = f"{event.model_version} could not be loaded: {event.failure.message}"
    return Alert(f"serving:{event_id}", AlertKind.SERVING, model_of(event.model_version), message, 1.0, 0.0)


def training_gap_alert(event: trainer_pb.TrainingGapFound, event_id: str) -> Alert:
    """Return the alert for a model that fits its training data much better than its validation data; the figure is in nats."""
    gap = event.widest
    width = gap.validation_loss - gap.training_loss
    message = (
        f"{event.training_job} overfits: validation loss {gap.validation_loss:.3f}, training loss {gap.training_loss:.3f} "
        f"at step {gap.step}, {width:.3f} apart where {gap.limit:g} is allowed."
    )
    return Alert(f"training_gap:{event_id}", AlertKind.TRAINING_GAP, event.training_job, message, width, gap.limit)


def quality_alert(event: governance_pb.QualityGateFailed, event_id: str) -> Alert:
    """Return the alert for a governance run that its quality gate stopped; the figure is the number of failed checks."""
    failed = [check for check in event.failed_checks if not check.passed]
    worst = max(failed, key=lambda check: check.failed_row_count, default=None)
    detail = f"; {worst.check} on {worst.failed_row_count:,} rows" if worst is not None else ""
    message = f"The quality gate stopped {event.governance_run}: {len(failed)} checks failed{detail}."
    return Alert(f"data_quality:{event_id}", AlertKind.DATA_QUALITY, event.dataset, message, float(len(failed)), 0.0)
