"""Names of the tuner's own spans and metrics; subjects of its events."""

SPAN_TRIAL = "tuner.trial"
"""One trial: from the draw of its values to the end of its training job."""

METRIC_TRIALS_ENDED = "aisle.tuner.trials.ended"
"""Trials that have ended, by how."""

SUBJECT_STUDY_COMPLETED = "aisle.tuner.study.completed.v1"
SUBJECT_STUDY_FAILED = "aisle.tuner.study.failed.v1"
