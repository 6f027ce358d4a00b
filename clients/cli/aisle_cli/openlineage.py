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
    "NominalTimeRunFacet": "1-0-1",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "ParentRunFacet": "1-2-0",
    "ProcessingEngineRunFacet": "1-1-1",
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
    hidden = set(dataset.mapping.pii_policies)
    return {
        "eventType": "COMPLETE",
        "eventTime": version.create_time.ToDatetime(tzinfo=UTC).isoformat(),
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": run_id(version.governance_run), "facets": _run_facets(session, version.governance_run)},
        "job": {
            "namespace": NAMESPACE,
            "name": f"govern.{dataset.name.removeprefix('datasets/')}",
            "facets": {
                "jobType": _facet(
                    "JobTypeJobFacet", processingType="BATCH", integration="AISLE", jobType="GOVERNANCE_RUN"
                )
            },
        },
        "inputs": [_input(one, _source_columns(report, columns)) for one in lineage.imports],
        "outputs": [_output(version, lineage.imports, report, columns, hidden)],
    }


def _run_facets(session: Session, name: str) -> dict[str, Any]:
    """When the run worked, on what, and the pipeline run that asked for it; nothing about a run that is not known any more."""
    from importlib.metadata import version

    import grpc
    from aisle.governance.v1 import governance_service_pb2 as pb

    engine = _facet("ProcessingEngineRunFacet", version=version("aisle"), name="aisle-governance")
    facets = {"processing_engine": engine}
    try:
        run = session.governance.GetGovernanceRun(pb.GetGovernanceRunRequest(name=name)).governance_run
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return facets
    status = run.status
    if status.HasField("start_time"):
        times = {"nominalStartTime": status.start_time.ToDatetime(tzinfo=UTC).isoformat()}
        if status.HasField("end_time"):
            times["nominalEndTime"] = status.end_time.ToDatetime(tzinfo=UTC).isoformat()
        facets["nominalTime"] = _facet("NominalTimeRunFacet", **times)
    if run.pipeline_run:
        job = {"namespace": NAMESPACE, "name": run.pipeline_run.partition("/runs/")[0].removeprefix("pipelines/")}
        facets["parent"] = _facet("ParentRunFacet", run={"runId": run_id(run.pipeline_run)}, job=job)
    return facets


def run_id(name: str) -> str:
    """A UUID for `governanceRuns/{run}`, the same each time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER}/{name}"))


def _facet(kind: str, **values: Any) -> dict[str, Any]:
    url = f"{_FACETS}{_FACET_VERSIONS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": url, **values}


def _input(source: Any, names: list[str]) -> dict[str, Any]:
    return {
        "namespace": NAMESPACE,
        "name": source.name,
        "facets": {
            "version": _facet("DatasetVersionDatasetFacet", datasetVersion=source.sha256 or "erased"),
            # A source is read as text; what a column is taken for shows in the output's schema.
            "schema": _facet("SchemaDatasetFacet", fields=[{"name": name, "type": "string"} for name in names]),
        },
        "inputFacets": {
            "dataQualityMetrics": _facet(
                "DataQualityMetricsInputDatasetFacet",
                rowCount=source.accepted_row_count,
                bytes=source.source_bytes,
                columnMetrics={},
            )
        },
    }


def _source_columns(report: Any, columns: dict[str, str]) -> list[str]:
    """Columns of the source files that canonical ones are read from."""
    return [columns.get(one.column, one.column) for one in report.before if not one.column.startswith("_")]


def _column_metrics(profile: Any, rows: int) -> dict[str, Any]:
    found = {"nullCount": round(profile.missing_ratio * rows), "distinctCount": profile.distinct_count}
    bounds = {"min": profile.minimum, "max": profile.maximum}
    return found | {name: value for name, value in bounds.items() if value == value}


def _output(version: Any, imports: Any, report: Any, columns: dict[str, str], hidden: set[str]) -> dict[str, Any]:
    published = [column for column in version.columns if not column.name.startswith("_")]
    made = {name.column for name in report.before}
    fields = {
        column.name: {
            "inputFields": [
                {
                    "namespace": NAMESPACE,
                    "name": source.name,
                    "field": columns.get(column.name, column.name),
                    "transformations": [
                        {"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": column.name in hidden}
                    ],
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
