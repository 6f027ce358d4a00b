"""Runs, versions and quality reports in the database; every function runs inside the caller's transaction."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from aisle_governance.domain.cleaning import Cleaning
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import DatasetRun, QualityReport, Run, TableFile, Version
from aisle_governance.domain.standards.money import Rate
from aisle_governance.errors import NotFound
from aisle_governance.storage.tables import reports, runs, versions

_NOT_IN_RECORD = ("dataset", "number", "run", "create_time", "content_hash")


def add_run(conn: Connection, run: Run) -> Run:
    """Store a new run and return it with its sequence."""
    conn.execute(
        insert(runs).values(
            id=run.id,
            dataset_runs=json.dumps([asdict(part) for part in run.dataset_runs], sort_keys=True),
            slip=run.slip,
            pipeline_run=run.pipeline_run,
            dataset_versions="[]",
            dry_run=run.dry_run,
        )
    )
    return get_run(conn, run.id)


def get_run(conn: Connection, run_id: str) -> Run:
    """The run. Raises NotFound."""
    row = conn.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no governance run {run_id!r}.", reason="RUN_NOT_FOUND")
    return _run(row)


def find_pipeline_run(conn: Connection, pipeline_run: str) -> Run | None:
    """The run that a pipeline run asked for, or None."""
    row = conn.execute(select(runs).where(runs.c.pipeline_run == pipeline_run).limit(1)).one_or_none()
    return None if row is None else _run(row)


def list_runs(conn: Connection, before: int | None, limit: int) -> list[Run]:
    """Up to `limit` runs whose sequence is below `before` (None = from the newest), newest first."""
    query = select(runs).order_by(runs.c.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(runs.c.sequence < before)
    return [_run(row) for row in conn.execute(query)]


def set_published(conn: Connection, run_id: str, names: tuple[str, ...]) -> None:
    """Note the versions that a run has published."""
    conn.execute(update(runs).where(runs.c.id == run_id).values(dataset_versions=json.dumps(names)))


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        sequence=row.sequence,
        dataset_runs=tuple(
            DatasetRun(
                part["dataset"],
                tuple(part["disabled_rules"]),
                tuple(Rate(**rate) for rate in part.get("currency_rates", ())),
                Cleaning.from_json(part.get("cleaning", {})),
            )
            for part in json.loads(row.dataset_runs)
        ),
        slip=bytes(row.slip),
        pipeline_run=row.pipeline_run,
        dataset_versions=tuple(json.loads(row.dataset_versions)),
        dry_run=bool(row.dry_run),
    )


def add_version(conn: Connection, version: Version) -> None:
    """Store a new version; its number must be free."""
    record = {key: value for key, value in asdict(version).items() if key not in _NOT_IN_RECORD}
    conn.execute(
        insert(versions).values(
            dataset=version.dataset,
            number=version.number,
            run=version.run,
            create_time=version.create_time.timestamp(),
            content_hash=version.content_hash,
            record=json.dumps(record, sort_keys=True),
        )
    )


def put_version(conn: Connection, version: Version) -> None:
    """Store a version in place of what is stored under its number: its files were rewritten or deleted."""
    record = {key: value for key, value in asdict(version).items() if key not in _NOT_IN_RECORD}
    conn.execute(
        update(versions)
        .where((versions.c.dataset == version.dataset) & (versions.c.number == version.number))
        .values(content_hash=version.content_hash, record=json.dumps(record, sort_keys=True))
    )


def get_version(conn: Connection, dataset_id: str, number: int) -> Version:
    """The version. Raises NotFound."""
    query = select(versions).where((versions.c.dataset == dataset_id) & (versions.c.number == number))
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"Dataset {dataset_id!r} has no such version.", reason="VERSION_NOT_FOUND")
    return version_of(row)


def list_versions(conn: Connection, dataset_id: str, before: int | None, limit: int) -> list[Version]:
    """Up to `limit` versions of a dataset below `before` (None = from the newest), newest first."""
    query = select(versions).where(versions.c.dataset == dataset_id).order_by(versions.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(versions.c.number < before)
    return [version_of(row) for row in conn.execute(query)]


def ancestors(conn: Connection, dataset_id: str, number: int) -> list[int]:
    """Numbers of all earlier versions, nearest first."""
    query = select(versions.c.number).where((versions.c.dataset == dataset_id) & (versions.c.number < number))
    return list(conn.execute(query.order_by(versions.c.number.desc())).scalars())


def version_of(row: Row[Any]) -> Version:
    """The version in a row of the table."""
    record = {key: value for key, value in json.loads(row.record).items() if key in Version.__dataclass_fields__}
    record["kind"] = DatasetKind(record["kind"])
    record["imports"] = tuple(record["imports"])
    record["columns"] = tuple((name, words) for name, words in record["columns"])
    record["files"] = tuple(TableFile(**file) for file in record["files"])
    return Version(
        dataset=row.dataset,
        number=row.number,
        run=row.run,
        create_time=datetime.fromtimestamp(row.create_time, UTC),
        content_hash=row.content_hash,
        **record,
    )


DRY_RUN = -1
"""In the place of a version's number: the report of a run that publishes nothing."""


def put_report(conn: Connection, report: QualityReport, version: int = 0) -> None:
    """Store the report of a run about a dataset, in place of an earlier one of the same run (a repeated attempt)."""
    mine = (reports.c.run == report.run) & (reports.c.dataset == report.dataset)
    text = json.dumps(report.to_json(), sort_keys=True)
    if conn.execute(update(reports).where(mine).values(report=text)).rowcount == 0:
        conn.execute(insert(reports).values(run=report.run, dataset=report.dataset, version=version, report=text))


def set_report_version(conn: Connection, run_id: str, dataset_id: str, number: int) -> None:
    """Note which version a report describes."""
    mine = (reports.c.run == run_id) & (reports.c.dataset == dataset_id)
    conn.execute(update(reports).where(mine).values(version=number))


def find_report(conn: Connection, dataset_id: str, number: int | None) -> tuple[QualityReport, int]:
    """The report of a version, or of the newest run when `number` is None, with its version (0 = stopped). Raises NotFound."""
    query = select(reports).where((reports.c.dataset == dataset_id) & (reports.c.version > DRY_RUN))
    query = query.order_by(reports.c.sequence.desc()).limit(1)
    if number is not None:
        query = query.where(reports.c.version == number)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(
            "There is no quality report yet.", reason="REPORT_NOT_FOUND", next_step="Start a governance run first."
        )
    return _report(row), row.version


def reports_of_run(conn: Connection, run_id: str) -> list[QualityReport]:
    """Every report of a run, in the order in which its datasets were governed."""
    return [
        _report(row)
        for row in conn.execute(select(reports).where(reports.c.run == run_id).order_by(reports.c.sequence))
    ]


def find_report_of_run(conn: Connection, run_id: str, dataset_id: str) -> QualityReport | None:
    """The report of a run about a dataset, or None."""
    row = conn.execute(
        select(reports).where((reports.c.run == run_id) & (reports.c.dataset == dataset_id))
    ).one_or_none()
    return None if row is None else _report(row)


def newest_report(conn: Connection, dataset_id: str) -> QualityReport | None:
    """The report of the newest run over a dataset, dry runs left out, or None."""
    query = select(reports).where((reports.c.dataset == dataset_id) & (reports.c.version > DRY_RUN))
    query = query.order_by(reports.c.sequence.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else _report(row)


def _report(row: Row[Any]) -> QualityReport:
    return QualityReport.from_json(json.loads(row.report))
