"""A governance run as an OpenLineage event.

Written by hand after the published schemas of OpenLineage 2-0-2 and its dataset facets: the client library would bring more packages
than the whole command line has.
"""

import uuid
from datetime import UTC
from typing import Any

from aisle_cli.session import Session

PRODUCER = "urn:aisle:governance"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets/"
_FACET_VERSIONS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DataQualityAssertionsDatasetFacet": "1-1-0",
    "DataQualityMetricsDatasetFacet": "1-0-1",
    "DataQualityMetricsInputDatasetFacet": "1-0-3",
    "DatasetVersionDatasetFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-4",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "SchemaDatasetFacet": "1-2-0",
}
NAMESPACE = "aisle"


def run_event(session: Session, version_name: str) -> dict[str, Any]:
    """Ask for everything about a version and return the COMPLETE event of the run that made it."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    governance = session.governance
    version = governance.GetDatasetVersion(pb.GetDatasetVersionRequest(name=version_name)).dataset_version
    lineage = governance.GetLineage(pb.GetLineageRequest(name=version.name))
    report = governance.GetQualityReport(pb.GetQualityReportRequest(name=version.name)).quality_report
    dataset = governance.GetDataset(pb.GetDatasetRequest(name=version.name.partition("/versions/")[0])).dataset
    columns = dict(dataset.mapping.columns)
    return {
        "eventType": "COMPLETE",
        "eventTime": version.create_time.ToDatetime(tzinfo=UTC).isoformat(),
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": run_id(version.governance_run), "facets": {}},
        "job": {
            "namespace": NAMESPACE,
            "name": f"govern.{dataset.name.removeprefix('datasets/')}",
            "facets": {
                "jobType": _facet(
                    "JobTypeJobFacet", processingType="BATCH", integration="AISLE", jobType="GOVERNANCE_RUN"
                )
            },
        },
        "inputs": [_input(one) for one in lineage.imports],
        "outputs": [_output(version, lineage.imports, report, columns)],
    }


def run_id(name: str) -> str:
    """A UUID for `governanceRuns/{run}`, the same each time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER}/{name}"))


def _facet(kind: str, **values: Any) -> dict[str, Any]:
    url = f"{_FACETS}{_FACET_VERSIONS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": url, **values}


def _input(source: Any) -> dict[str, Any]:
    return {
        "namespace": NAMESPACE,
        "name": source.name,
        "facets": {"version": _facet("DatasetVersionDatasetFacet", datasetVersion=source.sha256 or "erased")},
        "inputFacets": {
            "dataQualityMetrics": _facet(
                "DataQualityMetricsInputDatasetFacet",
                rowCount=source.accepted_row_count,
                bytes=source.source_bytes,
                columnMetrics={},
            )
        },
    }


def _column_metrics(profile: Any, rows: int) -> dict[str, Any]:
    found = {"nullCount": round(profile.missing_ratio * rows), "distinctCount": profile.distinct_count}
    bounds = {"min": profile.minimum, "max": profile.maximum}
    return found | {name: value for name, value in bounds.items() if value == value}


def _output(version: Any, imports: Any, report: Any, columns: dict[str, str]) -> dict[str, Any]:
    published = [column for column in version.columns if not column.name.startswith("_")]
    made = {name.column for name in report.before}
    fields = {
        column.name: {
            "inputFields": [
                {
                    "namespace": NAMESPACE,
                    "name": source.name,
                    "field": columns.get(column.name, column.name),
                    "transformations": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": False}],
                }
                for source in imports
            ]
        }
        for column in published
        if column.name in made
    }
    return {
        "namespace": NAMESPACE,
        "name": version.name.partition("/versions/")[0],
        "facets": {
            "schema": _facet(
                "SchemaDatasetFacet", fields=[{"name": column.name, "type": column.type} for column in version.columns]
            ),
            "version": _facet("DatasetVersionDatasetFacet", datasetVersion=version.name.rpartition("/")[2]),
            "columnLineage": _facet("ColumnLineageDatasetFacet", fields=fields),
            "dataQualityMetrics": _facet(
                "DataQualityMetricsDatasetFacet",
                rowCount=version.row_count,
                columnMetrics={one.column: _column_metrics(one, report.output_row_count) for one in report.after},
            ),
            "dataQualityAssertions": _facet(
                "DataQualityAssertionsDatasetFacet",
                assertions=[
                    {"assertion": check.check, "success": check.passed}
                    | ({"column": check.column} if check.column else {})
                    for check in report.checks
                ],
            ),
        },
        "outputFacets": {"outputStatistics": _facet("OutputStatisticsOutputDatasetFacet", rowCount=version.row_count)},
    }
