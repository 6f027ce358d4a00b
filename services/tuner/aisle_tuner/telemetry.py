"""Names of the tuner's own spans and metrics; subjects of its events."""

SPAN_TRIAL = "tuner.trial"
"""One trial: from the draw of its values to the end of its training job."""

ATTR_TRIAL = "aisle.tuner.trial"
"""Number of the trial in its study, from 0."""
ATTR_TRIAL_STATE = "aisle.tuner.trial_state"
"""How the trial ended."""

METRIC_TRIALS_ENDED = "aisle.tuner.trials.ended"
"""Trials that have ended, by how."""

SUBJECT_STUDY_COMPLETED = "aisle.tuner.study.completed.v1"
SUBJECT_STUDY_FAILED = "aisle.tuner.study.failed.v1"
SUBJECT_SUBJECT_ERASED = "aisle.governance.subject.erased.v1"
SUBJECT_ACKNOWLEDGED = "aisle.tuner.subject_erasure.acknowledged.v1"
