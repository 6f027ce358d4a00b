"""Pipelines and their runs in the database."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from aisle_monitor.domain.runs import FailureNote, Run, RunState, StageNews, StoredPipeline
from aisle_monitor.storage.tables import dataset_versions, insert_new, pipeline_runs, pipelines


def add_pipeline(conn: Connection, pipeline: StoredPipeline) -> None:
    """Store a new plan."""
    values = {"id": _id(pipeline.name), "spec": pipeline.spec, "create_time": pipeline.create_time}
    conn.execute(insert(pipelines).values(values))


def get_pipeline(conn: Connection, name: str) -> StoredPipeline | None:
    """Return the plan `pipelines/{pipeline}`, or None."""
    row = conn.execute(select(pipelines).where(pipelines.c.id == _id(name))).one_or_none()
    return None if row is None else _pipeline(row)


def list_pipelines(conn: Connection, after: str, limit: int) -> list[StoredPipeline]:
    """Return plans by id, those after the id `after`."""
    query = select(pipelines).where(pipelines.c.id > after).order_by(pipelines.c.id).limit(limit)
    return [_pipeline(row) for row in conn.execute(query)]


def add_run(conn: Connection, run: Run) -> None:
    """Store a new run."""
    values = {"id": _id(run.name), "pipeline": run.pipeline, "create_time": run.create_time, **_run_values(run)}
    conn.execute(insert(pipeline_runs).values(values))


def save_run(conn: Connection, run: Run) -> None:
    """Store a run's changes."""
    conn.execute(update(pipeline_runs).where(pipeline_runs.c.id == _id(run.name)).values(_run_values(run)))


def get_run(conn: Connection, name: str) -> Run | None:
    """Return the run `pipelines/{pipeline}/runs/{run}`, or None."""
    pipeline, _, run_id = name.partition("/runs/")
    table = pipeline_runs
    row = conn.execute(select(table).where(table.c.id == run_id, table.c.pipeline == pipeline)).one_or_none()
    return None if row is None else _run(row)


def list_runs(conn: Connection, pipeline: str, before: str, limit: int) -> list[Run]:
    """Return runs, newest first, older than the id `before`; of one `pipelines/{pipeline}` or, when empty, of all."""
    query = select(pipeline_runs).order_by(pipeline_runs.c.id.desc()).limit(limit)
    if pipeline:
        query = query.where(pipeline_runs.c.pipeline == pipeline)
    if before:
        query = query.where(pipeline_runs.c.id < before)
    return [_run(row) for row in conn.execute(query)]


def runs_of_governance_run(conn: Connection, governance_run: str) -> list[Run]:
    """Return the pipeline runs whose governance stage was done by `governance_run`."""
    query = select(pipeline_runs).where(pipeline_runs.c.governance_run == governance_run)
    return [_run(row) for row in conn.execute(query)]


def remember_dataset_version(conn: Connection, name: str, row_count: int) -> None:
    """Keep the size of a published version for the words of a run."""
    insert_new(conn, dataset_versions, [{"name": name, "row_count": row_count}])


def dataset_version_sizes(conn: Connection, names: list[str]) -> Mapping[str, int]:
    """Return the row counts of those versions that are known."""
    query = select(dataset_versions).where(dataset_versions.c.name.in_(names))
    return {row.name: row.row_count for row in conn.execute(query)}


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _pipeline(row: Row[Any]) -> StoredPipeline:
    return StoredPipeline(f"pipelines/{row.id}", bytes(row.spec), row.create_time)


def _run_values(run: Run) -> dict[str, object]:
    governed = run.of("governance")
    return {
        "state": run.state.value,
        "tuned": run.tuned,
        "news": json.dumps([asdict(item) for item in run.news]),
        "slip": run.slip,
        "cause": run.cause,
        "trace_id": run.trace_id,
        "failure": None if run.failure is None else json.dumps(asdict(run.failure)),
        "governance_run": governed.resource if governed else "",
        "end_time": run.end_time,
        "revision": run.revision,
    }


def _run(row: Row[Any]) -> Run:
    return Run(
        name=f"{row.pipeline}/runs/{row.id}",
        tuned=row.tuned,
        create_time=row.create_time,
        slip=bytes(row.slip),
        cause=row.cause,
        trace_id=row.trace_id,
        state=RunState(row.state),
        news=tuple(_news(item) for item in json.loads(row.news)),
        failure=None if row.failure is None else FailureNote(**json.loads(row.failure)),
        end_time=row.end_time,
        revision=row.revision,
    )


def _news(item: dict[str, Any]) -> StageNews:
    failure = item["failure"]
    return StageNews(
        **{
            **item,
            "outcome": RunState(item["outcome"]),
            "failure": None if failure is None else FailureNote(**failure),
        }
    )
