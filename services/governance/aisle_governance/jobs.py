"""Entry points of the child processes in which files are read and datasets are governed."""

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.jobs import JobContext
from aisle_runtime.telemetry import span
from aisle_runtime.tokens import load_key

from aisle_governance import telemetry
from aisle_governance.domain.cleaning import Cleaning
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.pii import PiiPolicy
from aisle_governance.errors import QualityGateStopped, SourceProblem
from aisle_governance.settings import GovernanceSettings

if TYPE_CHECKING:
    from aisle_governance.engines.choosing import EngineChoice

# Arrow's own allocator sets a gigabyte of addresses aside, which counts against a job's memory limit; the system's does not.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def import_rows(context: JobContext) -> bytes:
    """Read one source file; answers counts, dialect and the artifacts with accepted and refused rows. Raises SourceProblem."""
    from aisle_governance.engines.decode import Limits
    from aisle_governance.engines.importer import import_file
    from aisle_governance.engines.readers import Source

    payload: dict[str, Any] = json.loads(context.payload)
    artifacts = ArtifactStore(GovernanceSettings().state_dir / "artifacts")
    source = Source(
        artifacts.path(payload["sha256"]),
        DatasetKind(payload["kind"]),
        ColumnMapping(**payload["mapping"]),
        Dialect(**payload["dialect"]),
    )
    rows_file, refused_file = context.workdir / "rows.parquet", context.workdir / "refused.parquet"
    refused_file.unlink(missing_ok=True)

    def say(rows: int, ratio: float) -> None:
        context.raise_if_cancelled()
        context.progress(0.99 * ratio, f"read {rows} rows")

    with span(telemetry.SPAN_IMPORT, **{telemetry.ATTR_DATASET: payload["dataset"]}) as current:
        try:
            outcome = import_file(
                source,
                FileFormat(payload["format"]),
                payload["import"],
                rows_file,
                refused_file,
                limits=Limits(decoded_bytes=payload["max_decoded_bytes"]),
                on_rows=say,
            )
        except SourceProblem as problem:
            problem.facts.setdefault("file", payload["source_file"])
            raise
        current.set_attribute(telemetry.ATTR_ROWS_OUT, outcome.accepted_row_count)
        current.set_attribute(telemetry.ATTR_ROWS_REFUSED, outcome.rejected_row_count)
    result = {
        "accepted": outcome.accepted_row_count,
        "rejected": outcome.rejected_row_count,
        "dialect": asdict(outcome.dialect),
        "rows": artifacts.put_file(rows_file),
        "refused": artifacts.put_file(refused_file) if refused_file.exists() else "",
    }
    return json.dumps(_without_excluded(context, artifacts, payload, result)).encode()


def _without_excluded(
    context: JobContext, artifacts: ArtifactStore, payload: dict[str, Any], result: dict[str, Any]
) -> dict[str, Any]:
    """What an import has brought, without the people who are excluded; `old_artifacts` are to be deleted."""
    from aisle_governance.erase_jobs import clean_import

    item = {
        "id": payload["import"],
        **{key: payload[key] for key in ("kind", "mapping", "format", "sha256")},
        "dialect": result["dialect"],
        "rows": result["rows"],
        "rejected": result["refused"],
    }
    change = clean_import(artifacts, context.workdir, payload.get("excluded", []), item)
    if change is None:
        return result
    sha256, rows, refused = change["after"]
    return {
        **result,
        "accepted": result["accepted"] - change["accepted"],
        "rejected": result["rejected"] - change["rejected"],
        "rows": rows,
        "refused": refused,
        "sha256": sha256,
        "source_bytes": change["source_bytes"],
        "old_artifacts": [old for old, new in zip(change["before"], change["after"], strict=True) if old != new],
    }


def govern(context: JobContext) -> bytes:
    """Govern every dataset of a run; answers the tables that may be published. Raises QualityGateStopped when one may not."""
    payload: dict[str, Any] = json.loads(context.payload)
    settings = GovernanceSettings()
    artifacts = ArtifactStore(settings.state_dir / "artifacts")
    parts = payload["datasets"]
    made, stopped = [], []
    for index, part in enumerate(parts):
        result = _govern_one(
            context, payload["run"], part, settings.tables_dir, artifacts, index / len(parts), 1 / len(parts)
        )
        made.append(result)
        failed = [c["check"] for c in result["report"]["checks"] if not c["passed"] and c["severity"] == "ERROR"]
        if failed:
            stopped.append((part["dataset"], failed))
    if stopped:
        for result in made:
            shutil.rmtree(settings.tables_dir / result["folder"], ignore_errors=True)
        dataset, checks = stopped[0]
        raise QualityGateStopped(
            f"{len(checks)} check(s) of the contract of dataset {dataset!r} do not hold; nothing is published.",
            next_step="Read the quality report, then fix the source, the mapping or the contract.",
            facts={"dataset": dataset, "checks": ", ".join(checks[:20])},
        )
    return json.dumps({"datasets": made}).encode()


def pii_key(mapping: ColumnMapping) -> bytes:
    """The key of the hashes, read here so that no job's payload and no database holds it."""
    return load_key(GovernanceSettings().pii_key_path) if PiiPolicy.HASH in mapping.pii_policies.values() else b""


def engine_choice(settings: GovernanceSettings) -> "EngineChoice":
    """What the operator says about engines."""
    from aisle_governance.engines.choosing import Engine, EngineChoice

    return EngineChoice(
        Engine(settings.run_engine), settings.run_batches_from_rows, settings.run_memory_bytes, settings.ray_address
    )


def _govern_one(
    context: JobContext,
    run: str,
    part: dict[str, Any],
    tables: Path,
    artifacts: ArtifactStore,
    begin: float,
    share: float,
) -> dict[str, Any]:
    from aisle_governance.domain.repair.model import RepairModel
    from aisle_governance.engines.choosing import govern_with
    from aisle_governance.engines.governor import GovernedDataset
    from aisle_governance.engines.tables import schema_words

    dataset, kind, mapping = part["dataset"], DatasetKind(part["kind"]), ColumnMapping(**part["mapping"])
    job = GovernedDataset(
        dataset=dataset,
        kind=kind,
        mapping=mapping,
        contract_yaml=part["contract_yaml"],
        disabled_rules=tuple(part["disabled_rules"]),
        rows_files=tuple(
            artifacts.path(digest)
            for digest in [source["rows"] for source in part["imports"]] + part.get("released", {}).get("rows", [])
        ),
        fixes=part.get("released", {}).get("fixes", {}),
        excused=part.get("released", {}).get("excused", {}),
        pii_key=pii_key(mapping),
        cleaning=Cleaning.from_json(part.get("cleaning", {})),
        repairs=RepairModel.from_json(part.get("repairs") or {}),
        label_fixes=tuple((query, product, grade) for query, product, grade in part.get("label_fixes", [])),
    )

    def say(ratio: float, phase: str) -> None:
        context.raise_if_cancelled()
        context.progress(begin + share * ratio, f"{dataset}: {phase}")

    with span(telemetry.SPAN_GOVERN, **{telemetry.ATTR_DATASET: dataset}) as current:
        work = context.workdir / "batches"
        candidate, engine = govern_with(job, run, work, engine_choice(GovernanceSettings()), say)
        current.set_attribute(telemetry.ATTR_ENGINE, engine.value)
        report = candidate.report.to_json()
        path = context.workdir / "put_aside.parquet"
        if candidate.put_aside(path):
            report["quarantine_artifact"] = artifacts.put_file(path)
        context.progress(begin + share * 0.8, f"{dataset}: write", json.dumps(report).encode())
        folder = f"{dataset}/{run}-{context.attempt}"
        for earlier in (tables / dataset).glob(f"{run}-*"):  # left by an attempt that was killed
            shutil.rmtree(earlier, ignore_errors=True)
        made = {
            "imports": [source["id"] for source in part["imports"]],
            "content_hash": candidate.content_hash,
            "contract_hash": candidate.contract_hash,
            "rule_set_hash": candidate.rule_set_hash,
        }
        # The same rows under the same contract and rules from the same files are the version that exists already.
        newest = part["newest"] or {"number": 0}
        unchanged = newest["number"] if all(newest.get(key) == value for key, value in made.items()) else 0
        skip = unchanged or candidate.report.stopping_checks
        files = () if skip else candidate.publish(tables / folder, run)
        shutil.rmtree(work, ignore_errors=True)
        current.set_attribute(telemetry.ATTR_ROWS_IN, candidate.report.input_row_count)
        current.set_attribute(telemetry.ATTR_ROWS_OUT, candidate.report.output_row_count)
    return {
        "dataset": dataset,
        "kind": kind.value,
        **made,
        "unchanged_version": unchanged,
        "row_count": candidate.row_count,
        "columns": schema_words(candidate.schema),
        "folder": folder,
        "files": [asdict(file) for file in files],
        "report": report,
    }
