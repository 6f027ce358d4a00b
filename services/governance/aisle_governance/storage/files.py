"""Which files the database refers to, and how one takes the place of another; all inside the caller's transaction."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from aisle_runtime.tables import RUNTIME
from sqlalchemy import Connection, select, update

from aisle_governance.domain.model import Import, QualityReport, TableFile, Version
from aisle_governance.storage import catalog, history, ledger
from aisle_governance.storage.tables import datasets, imports, reports, versions

_OPEN = ("QUEUED", "RUNNING")
_jobs = RUNTIME.jobs


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that has not ended."""

    id: str
    kind: str
    payload: bytes
    create_time: float


def open_jobs(conn: Connection, but: Sequence[str]) -> list[OpenJob]:
    """Jobs that wait or run, but those of the kinds `but`."""
    columns = (_jobs.c.id, _jobs.c.kind, _jobs.c.payload, _jobs.c.create_time)
    query = select(*columns).where(_jobs.c.state.in_(_OPEN), _jobs.c.kind.not_in(but))
    return [OpenJob(row.id, row.kind, bytes(row.payload), row.create_time) for row in conn.execute(query)]


def still_open(conn: Connection, job_ids: Sequence[str]) -> list[str]:
    """Those of the jobs that wait or run."""
    query = select(_jobs.c.id).where(_jobs.c.state.in_(_OPEN))
    return sorted(set(job_ids) & set(conn.execute(query).scalars()))


def ended_jobs(conn: Connection) -> list[str]:
    """Jobs that have ended without success; only they leave a folder."""
    return list(conn.execute(select(_jobs.c.id).where(_jobs.c.state.in_(("FAILED", "CANCELLED")))).scalars())


def ended_imports(conn: Connection) -> list[dict[str, Any]]:
    """What has to be known to search the files of every import that has ended."""
    kinds = {row.id: row for row in conn.execute(select(datasets))}
    running = set(conn.execute(select(_jobs.c.id).where(_jobs.c.state.in_(_OPEN))).scalars())
    found = []
    for row in conn.execute(select(imports).order_by(imports.c.sequence)):
        if row.id not in running:
            dataset = kinds[row.dataset]
            found.append(
                {
                    "id": row.id,
                    "kind": dataset.kind,
                    "mapping": json.loads(dataset.mapping),
                    "format": row.format,
                    "dialect": asdict(catalog.dialect_of(row)),
                    "sha256": row.sha256,
                    "rows": row.rows_artifact,
                    "rejected": row.rejected_artifact,
                    "exclusion_count": json.loads(row.details).get("exclusion_count", 0),
                }
            )
    return found


def import_names(conn: Connection) -> dict[str, str]:
    """Import id -> `datasets/{dataset}/imports/{import}`."""
    rows = conn.execute(select(imports.c.id, imports.c.dataset))
    return {row.id: f"datasets/{row.dataset}/imports/{row.id}" for row in rows}


def release_rows(conn: Connection) -> list[dict[str, Any]]:
    """Every released row with its new values."""
    return [
        {"dataset": one.dataset, "row_id": one.row_id, "artifact": one.rows_artifact, "fixes": one.fixes}
        for one in ledger.all_releases(conn)
    ]


def quarantine_files(conn: Connection) -> list[dict[str, Any]]:
    """Files of rows that runs have put aside."""
    found = []
    for row in conn.execute(select(reports.c.run, reports.c.dataset, reports.c.report)):
        artifact = json.loads(row.report).get("quarantine_artifact", "")
        if artifact:
            found.append({"run": row.run, "dataset": row.dataset, "artifact": artifact})
    return found


def version_tables(conn: Connection) -> list[dict[str, Any]]:
    """Every table that versions read, once, with the numbers of the versions that share it."""
    by_folder: dict[str, list[Version]] = defaultdict(list)
    for version in all_versions(conn):
        if not version.vacuum_time:
            by_folder[version.folder].append(version)
    return [
        {
            "dataset": group[0].dataset,
            "numbers": [version.number for version in group],
            "folder": folder,
            "files": [asdict(file) for file in group[0].files],
        }
        for folder, group in by_folder.items()
    ]


def all_versions(conn: Connection, dataset: str = "") -> list[Version]:
    """Every version (of one dataset when it is named), oldest first."""
    query = select(versions).order_by(versions.c.dataset, versions.c.number)
    if dataset:
        query = query.where(versions.c.dataset == dataset)
    return [history.version_of(row) for row in conn.execute(query)]


def replace_import(conn: Connection, change: dict[str, Any]) -> Import | None:
    """Give an import its new files; None when it has others by now than those that were searched."""
    found = catalog.get_import(conn, change["id"])
    if [found.sha256, found.rows_artifact, found.rejected_artifact] != change["before"]:
        return None
    sha256, rows, rejected = change["after"]
    conn.execute(
        update(imports)
        .where(imports.c.id == found.id)
        .values(
            sha256=sha256,
            source_bytes=change["source_bytes"],
            rows_artifact=rows,
            rejected_artifact=rejected,
            accepted_row_count=imports.c.accepted_row_count - change["accepted"],
            rejected_row_count=imports.c.rejected_row_count - change["rejected"],
        )
    )
    less = datasets.c.imported_row_count - change["accepted"]
    conn.execute(update(datasets).where(datasets.c.id == found.dataset).values(imported_row_count=less))
    return found


def set_source(conn: Connection, import_id: str, sha256: str, source_bytes: int) -> None:
    """Note under which digest the source bytes of an import lie now; empty when they are deleted."""
    values = {"sha256": sha256, "source_bytes": source_bytes}
    conn.execute(update(imports).where(imports.c.id == import_id).values(values))


def replace_quarantine(conn: Connection, change: dict[str, Any]) -> None:
    """Give a report its new file of rows put aside."""
    report = history.find_report_of_run(conn, change["run"], change["dataset"])
    if report is not None and report.quarantine_artifact == change["artifact"]:
        count = report.quarantined_row_count - change["removed"]
        history.put_report(conn, replace(report, quarantine_artifact=change["after"], quarantined_row_count=count))


def replace_versions(conn: Connection, change: dict[str, Any]) -> list[Version] | None:
    """Give the versions that share a table the new one; returns them as they were, None when one has another by now."""
    before = [history.get_version(conn, change["dataset"], number) for number in change["numbers"]]
    if any(version.folder != change["before"] for version in before):
        return None
    for version in before:
        if version.vacuum_time:
            continue
        after = replace(
            version,
            folder=change["after"],
            files=tuple(TableFile(**file) for file in change["files"]),
            row_count=change["row_count"],
            content_hash=change["content_hash"],
            erased_row_count=version.erased_row_count + change["removed"],
        )
        history.put_version(conn, after)
    return before


def unused_artifacts(conn: Connection, digests: Sequence[str]) -> list[str]:
    """Those of `digests` that nothing in the database refers to."""
    wanted = set(digests)
    for row in conn.execute(select(imports.c.sha256, imports.c.rows_artifact, imports.c.rejected_artifact)):
        wanted -= {row.sha256, row.rows_artifact, row.rejected_artifact}
    wanted -= {one["artifact"] for one in quarantine_files(conn)}
    wanted -= {one.rows_artifact for one in ledger.all_releases(conn)}
    return sorted(wanted)


def unused_folders(conn: Connection, folders: Sequence[str]) -> list[str]:
    """Those of `folders` that no version reads."""
    return sorted(set(folders) - set(kept_folders(conn)))


def kept_folders(conn: Connection) -> list[str]:
    """Folders of all tables that versions read."""
    return sorted({version.folder for version in all_versions(conn) if not version.vacuum_time})


def reports_by_version(conn: Connection, dataset: str) -> dict[int, QualityReport]:
    """The newest report of every published version of a dataset."""
    query = select(reports).where((reports.c.dataset == dataset) & (reports.c.version > 0))
    found = conn.execute(query.order_by(reports.c.sequence))
    return {row.version: QualityReport.from_json(json.loads(row.report)) for row in found}
