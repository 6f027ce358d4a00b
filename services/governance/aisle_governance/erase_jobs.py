"""Entry points of the child processes that take people out of files, and that delete files nobody may read any more."""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.jobs import JobContext
from aisle_runtime.telemetry import span
from aisle_runtime.tokens import load_key

from aisle_governance import telemetry
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat, TableFile
from aisle_governance.domain.subjects import Subjects
from aisle_governance.errors import AisleError
from aisle_governance.settings import GovernanceSettings


def erase(context: JobContext) -> bytes:
    """Write every file that holds rows of the people again without them; answers what takes whose place.

    Nothing that exists is changed: the service puts the new files in place in one transaction, and only then the old ones go.
    """
    payload: dict[str, Any] = json.loads(context.payload)
    settings = GovernanceSettings()
    subjects = Subjects(load_key(settings.subject_key_path), payload["subjects"])
    eraser = Eraser(ArtifactStore(settings.state_dir / "artifacts"), settings.tables_dir, context.workdir, subjects)
    made: dict[str, list[Any]] = {"imports": [], "releases": [], "reports": [], "versions": []}
    steps = [(kind, item) for kind in made for item in payload[kind]]
    with span(telemetry.SPAN_ERASE):
        for index, (kind, item) in enumerate(steps):
            context.raise_if_cancelled()
            context.progress(index / len(steps), f"look through {kind}")
            change = getattr(eraser, kind)(item, context.job_id)
            if change is not None:
                made[kind].append(change)
        manifest = {"algorithm": "HMAC-SHA256", "excluded_subject_hashes": payload["excluded"]}
        digest = eraser.artifacts.put_bytes(json.dumps(manifest, sort_keys=True).encode())
    return json.dumps(made | {"manifest": digest, "row_ids": sorted(eraser.row_ids)}).encode()


class Eraser:
    """Looks through files one by one; the methods are named by what the files belong to."""

    def __init__(self, artifacts: ArtifactStore, tables: Path, workdir: Path, subjects: Subjects) -> None:
        """Read from `artifacts` and `tables`, write first into `workdir`."""
        self.artifacts, self._tables, self._workdir, self._subjects = artifacts, tables, workdir, subjects
        self.row_ids: set[str] = set()
        """Rows found so far in imports, by which labels and rows put aside are found."""

    def imports(self, item: dict[str, Any], job: str) -> dict[str, Any] | None:
        """Source bytes, accepted rows and refused rows of one import."""
        raw, found = self._raw(item)
        rows, rows_removed = self._parquet(item["rows"], found)
        rejected, rejected_removed = self._parquet(item["rejected"], found)
        self.row_ids |= found
        if raw is None:
            # What cannot be searched row by row goes when a row of theirs came out of it, and when nobody needs it.
            raw = "" if rows_removed or rejected_removed or not item["rows"] else item["sha256"]
        if (raw, rows, rejected) == (item["sha256"], item["rows"], item["rejected"]):
            return None
        size = self.artifacts.size_bytes(raw) if raw else 0
        return {
            "id": item["id"],
            "before": [item["sha256"], item["rows"], item["rejected"]],
            "after": [raw, rows, rejected],
            "source_bytes": size,
            "accepted": rows_removed,
            "rejected": rejected_removed,
        }

    def _raw(self, item: dict[str, Any]) -> tuple[str | None, set[str]]:
        """(digest of the source bytes without the rows, ids of the rows); None for bytes that cannot be searched row by row."""
        from aisle_governance.engines import raw_erasing
        from aisle_governance.engines.readers import Source

        if not item["sha256"] or not self.artifacts.exists(item["sha256"]):
            return item["sha256"], set()
        if not item["rows"]:
            return None, set()  # an import that failed
        source = Source(
            self.artifacts.path(item["sha256"]),
            DatasetKind(item["kind"]),
            ColumnMapping(**item["mapping"]),
            Dialect(**item["dialect"]),
        )
        file_format = FileFormat(item["format"])
        try:
            rows = raw_erasing.find_rows(source, file_format, self._subjects)
            if not rows:
                return item["sha256"], set()
            target = self._workdir / "raw"
            raw_erasing.rewrite(source, file_format, rows, target)
        except (AisleError, ValueError, KeyError, OSError):
            return None, set()
        digest = self.artifacts.put_file(target)
        target.unlink()
        return digest, rows.row_ids(item["id"])

    def _parquet(self, digest: str, row_ids: set[str]) -> tuple[str, int]:
        """(digest without the people's rows, rows left out); `row_ids` grows by the ids of these."""
        from aisle_governance.engines.erasing import clean_parquet

        if not digest or not self.artifacts.exists(digest):
            return digest, 0
        target = self._workdir / "rows.parquet"
        cleaned = clean_parquet(self.artifacts.path(digest), target, self._subjects, row_ids)
        row_ids |= cleaned.row_ids
        if not cleaned.removed_row_count:
            return digest, 0
        kept = self.artifacts.put_file(target)
        target.unlink()
        return kept, cleaned.removed_row_count

    def releases(self, item: dict[str, Any], job: str) -> dict[str, Any] | None:
        """The one row of a release, or a new value that mentions a person: such a release is forgotten."""
        _, removed = self._parquet(item["artifact"], set(self.row_ids))
        fixes = item["fixes"]
        theirs = self._subjects.is_id(fixes.get("customer_id")) or any(map(self._subjects.mentions, fixes.values()))
        if removed or theirs or item["row_id"] in self.row_ids:
            return {"dataset": item["dataset"], "row_id": item["row_id"], "artifact": item["artifact"]}
        return None

    def reports(self, item: dict[str, Any], job: str) -> dict[str, Any] | None:
        """Rows that a run has put aside."""
        after, removed = self._parquet(item["artifact"], set(self.row_ids))
        if after == item["artifact"]:
            return None
        return {**item, "after": after, "removed": removed}

    def versions(self, item: dict[str, Any], job: str) -> dict[str, Any] | None:
        """The table of a version."""
        from aisle_governance.engines import tables
        from aisle_governance.engines.erasing import clean_version

        folder = self._tables / item["folder"]
        paths = tables.verified_files(folder, [TableFile(**file) for file in item["files"]])
        cleaned = clean_version(paths, self._subjects, self.row_ids)
        if cleaned is None:
            return None
        target = f"{item['folder'].partition('/')[0]}/{job}-{item['numbers'][0]}"
        files = tables.write_table(cleaned.table, self._tables / target, job)
        return {
            "dataset": item["dataset"],
            "numbers": item["numbers"],
            "before": item["folder"],
            "after": target,
            "files": [asdict(file) for file in files],
            "removed": cleaned.removed_row_count,
            "row_count": cleaned.table.num_rows,
            "content_hash": cleaned.content_hash,
        }


def sweep(context: JobContext) -> bytes:
    """Delete the named artifacts, tables and left-over folders of ended jobs, then compact the database; may be repeated."""
    payload: dict[str, Any] = json.loads(context.payload)
    settings = GovernanceSettings()
    artifacts = ArtifactStore(settings.state_dir / "artifacts")
    with span(telemetry.SPAN_SWEEP):
        for digest in payload["artifacts"]:
            artifacts.delete(digest)
        for folder in payload["folders"]:
            _remove_below(settings.tables_dir, folder)
        for job in payload.get("job_folders", []):
            _remove_below(settings.state_dir / "jobs", job)
        if payload.get("kept_folders") is not None:
            _remove_strays(settings.tables_dir, payload)
        context.progress(0.5, "compact the database")
        if payload.get("compact"):
            from aisle_runtime.erasing.compaction import compact

            compact(settings.effective_database_url)
    return b"{}"


def _remove_below(root: Path, name: str) -> None:
    path = (root / name).resolve()
    if path != root.resolve() and path.is_relative_to(root.resolve()):
        shutil.rmtree(path, ignore_errors=True)


def _remove_strays(tables: Path, payload: dict[str, Any]) -> None:
    """Remove tables of attempts that ended without publishing; a run that goes on, or began later, keeps its own."""
    kept, active = set(payload["kept_folders"]), tuple(payload["active_runs"])
    for path in tables.glob("*/*"):
        name = f"{path.parent.name}/{path.name}"
        with suppress(OSError):
            if name not in kept and not path.name.startswith(active) and path.stat().st_mtime < payload["before"]:
                shutil.rmtree(path, ignore_errors=True)


def clean_import(
    artifacts: ArtifactStore, workdir: Path, excluded: list[str], item: dict[str, Any]
) -> dict[str, Any] | None:
    """Leave the excluded people (keyed hashes) out of an import that has just been read; answers what changed."""
    if not excluded:
        return None
    settings = GovernanceSettings()
    subjects = Subjects(load_key(settings.subject_key_path), excluded)
    return Eraser(artifacts, settings.tables_dir, workdir, subjects).imports(item, "")
