"""Entry points of the child processes that make labels out of user events and that look for wrong ones."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.jobs import JobContext
from aisle_runtime.telemetry import span

from aisle_governance import telemetry
from aisle_governance.domain.labels.records import RANKING
from aisle_governance.domain.model import TableFile, Version
from aisle_governance.settings import GovernanceSettings

if TYPE_CHECKING:
    import pandas as pd

_MAX_TITLE = 500


def build(context: JobContext) -> bytes:
    """Label the pairs of a version of user events; answers the artifact with the rows, and counts."""
    import pyarrow.parquet as pq

    from aisle_governance.domain.labels.implicit import ImplicitOptions, LabelMethod, build_labels
    from aisle_governance.engines.label_rows import label_rows

    payload: dict[str, Any] = json.loads(context.payload)
    settings = GovernanceSettings()
    with span(telemetry.SPAN_BUILD_LABELS, **{telemetry.ATTR_DATASET: payload["dataset"]}) as current:
        context.progress(0.0, "read")
        events = read_version(settings.tables_dir, payload["events"])
        context.raise_if_cancelled()
        context.progress(0.2, "label")
        options = ImplicitOptions(LabelMethod(payload["method"]), payload["minimum_examinations"])
        made = build_labels(events, options)
        products = None if payload["products"] is None else read_version(settings.tables_dir, payload["products"])
        context.raise_if_cancelled()
        context.progress(0.8, "write")
        table = label_rows(made.labels, products, payload["build"], payload["grade_offset"])
        rows_file = context.workdir / "rows.parquet"
        pq.write_table(table, rows_file, compression="zstd")
        current.set_attribute(telemetry.ATTR_ROWS_IN, len(events))
        current.set_attribute(telemetry.ATTR_ROWS_OUT, table.num_rows)
    result = {
        "rows": ArtifactStore(settings.state_dir / "artifacts").put_file(rows_file),
        "source_bytes": rows_file.stat().st_size,
        "label_count": table.num_rows,
        "list_count": made.list_count,
        "unattributed_event_count": made.unattributed_event_count,
        "unknown_product_count": len(made.labels) - table.num_rows,
        "examination": made.examination,
    }
    return json.dumps(result).encode()


def review(context: JobContext) -> bytes:
    """Rank the labels of a version by how wrong they look; answers the most suspect ones."""
    from aisle_governance.engines.doctor import diagnose

    payload: dict[str, Any] = json.loads(context.payload)
    settings = GovernanceSettings()
    with span(telemetry.SPAN_REVIEW_LABELS, **{telemetry.ATTR_DATASET: payload["dataset"]}) as current:
        context.progress(0.0, "read")
        labels = read_version(settings.tables_dir, payload["version"])
        context.raise_if_cancelled()
        context.progress(0.1, "compare")
        found = diagnose(labels)
        order = found.worth_a_look if payload.get("order") == RANKING else found.suspects
        rows = order[: payload["max_suspects"]]
        current.set_attribute(telemetry.ATTR_ROWS_IN, len(labels))
        current.set_attribute(telemetry.ATTR_ROWS_OUT, len(rows))
    suspects = []
    for rank, row in enumerate(rows, start=1):
        label, proposed = labels.iloc[row], int(found.proposed[row])
        suspects.append(
            {
                "rank": rank,
                "row_id": label["_row_id"],
                **{name: label[name] for name in ("query_id", "product_id", "query")},
                "title": label["title"][:_MAX_TITLE],
                "grade": float(label["grade"]),
                "proposed_grade": float(proposed),
                "surprise": float(found.surprise[row]),
                "probability": float(found.probabilities[row, proposed]),
            }
        )
    result = {"label_count": len(labels), "accuracy_ratio": found.accuracy_ratio, "suspects": suspects}
    return json.dumps(result).encode()


def read_version(tables: Path, version: dict[str, Any]) -> "pd.DataFrame":
    """The rows of a version, its files verified."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from aisle_governance.engines.tables import parse_type, verified_files

    files = [TableFile(**file) for file in version["files"]]
    paths = verified_files(tables / version["folder"], files)
    frame: pd.DataFrame
    if not paths:
        frame = pa.schema([(name, parse_type(words)) for name, words in version["columns"]]).empty_table().to_pandas()
        return frame
    frame = pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths]).to_pandas()
    return frame


def version_payload(version: Version) -> dict[str, Any]:
    """What `read_version` needs to know of a Version."""
    return {
        "folder": version.folder,
        "files": [asdict(file) for file in version.files],
        "columns": [list(column) for column in version.columns],
    }
