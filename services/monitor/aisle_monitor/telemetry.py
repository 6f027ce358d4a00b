"""Names of the monitor's own spans and metrics; subjects of its events."""

SPAN_EVALUATE = "monitor.evaluate"
"""A look at latency and click-through that raised an alert."""
SPAN_COMPARE = "monitor.compare"
"""The comparison of two dataset versions inside a drift job."""

ATTR_ROWS_REFERENCE = "aisle.rows.reference"
"""Rows of the earlier version that are compared."""
ATTR_ROWS_ADDED = "aisle.rows.added"
"""Added rows that are compared."""

METRIC_SPANS_ACCEPTED = "aisle.monitor.spans.accepted"
"""Spans taken in by the collector endpoint, in spans."""
METRIC_SPANS_REFUSED = "aisle.monitor.spans.refused"
"""Spans refused because they were malformed or the queue was full, in spans."""
METRIC_ALERTS_RAISED = "aisle.monitor.alerts.raised"
"""Alerts raised, by kind."""

SUBJECT_RUN_REQUESTED = "aisle.monitor.pipeline_run.requested.v1"
SUBJECT_RUN_FINISHED = "aisle.monitor.pipeline_run.finished.v1"
SUBJECT_ALERT_RAISED = "aisle.monitor.alert.raised.v1"
SUBJECT_POLICY_TRIGGERED = "aisle.monitor.policy.triggered.v1"
