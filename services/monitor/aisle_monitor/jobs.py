"""Entry points of the monitor's job processes."""

import time

from aisle_runtime import telemetry
from aisle_runtime.jobs import JobContext

from aisle_monitor.domain.reports import DriftReport, DriftTask, report_json
from aisle_monitor.settings import MonitorSettings
from aisle_monitor.telemetry import ATTR_ROWS_ADDED, ATTR_ROWS_REFERENCE, SPAN_COMPARE


def compare_versions(context: JobContext) -> bytes:
    """Compare the rows that a dataset version added with an earlier version; returns the report as JSON.

    Raises NotFound for an unknown version and Unavailable, which the runtime repeats, while governance is away.
    """
    from aisle.governance.v1 import dataset_pb2
    from aisle_runtime.client import open_sync_channel, token_from_file

    from aisle_monitor.engines.columns import compare, wanted_columns
    from aisle_monitor.engines.rows import Rows

    task, settings = DriftTask.from_bytes(context.payload), MonitorSettings()
    with open_sync_channel(
        settings.governance_address,
        token=token_from_file(settings.client_token_file),
        ca_file=settings.client_ca_file or "",
    ) as channel:
        rows = Rows(channel)
        reference, current = rows.version(task.reference_version), rows.version(task.current_version)
        kind = dataset_pb2.DatasetKind.Name(current.kind).removeprefix("DATASET_KIND_")
        names = {column.name for column in reference.columns} & {column.name for column in current.columns}
        columns = wanted_columns(kind, names) or ["_row_id"]
        context.progress(0.1, "read")
        before = rows.read(reference.name, columns, task.sample_rows)
        context.progress(0.5, "read")
        added = rows.read(current.name, columns, task.sample_rows, added_since=reference.name)
    context.progress(0.8, "compare")
    with telemetry.span(SPAN_COMPARE, **{ATTR_ROWS_REFERENCE: before.num_rows, ATTR_ROWS_ADDED: added.num_rows}):
        found = compare(kind, before, added, task.threshold)
    report = DriftReport(
        name=task.report,
        reference_version=reference.name,
        current_version=current.name,
        columns=tuple(found),
        reference_row_count=before.num_rows,
        current_row_count=added.num_rows,
        create_time=time.time(),
    )
    return report_json(report).encode()
