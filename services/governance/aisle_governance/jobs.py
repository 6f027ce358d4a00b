"""Entry points of the child processes in which files are read and datasets are governed."""

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.jobs import JobContext
from aisle_runtime.telemetry import span
from aisle_runtime.tokens import load_key

from aisle_governance import telemetry
from aisle_governance.domain.categories import Accepted, Source
from aisle_governance.domain.cleaning import Cleaning
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.pii import PiiPolicy
from aisle_governance.errors import QualityGateStopped, SourceProblem
from aisle_governance.settings import GovernanceSettings

if TYPE_CHECKING:
    from aisle_governance.engines.choosing import EngineChoice
    from aisle_governance.engines.governor import GovernedDataset
    from aisle_governance.engines.importer import ImportOutcome
    from aisle_governance.engines.surroundings import Surroundings

# Arrow's own allocator sets a gigabyte of addresses aside, which counts against a job's memory limit; the system's does not.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def import_rows(context: JobContext) -> bytes:
    """Read one source; answers counts, dialect and the artifacts with accepted and refused rows. Raises SourceProblem."""
    from aisle_governance import source_jobs

    payload: dict[str, Any] = json.loads(context.payload)
    settings = GovernanceSettings()
    artifacts = ArtifactStore(settings.state_dir / "artifacts")
    with span(telemetry.SPAN_IMPORT, **{telemetry.ATTR_DATASET: payload["dataset"]}) as current:
        try:
            if "source" not in payload:
                outcome = _read_source(context, payload, artifacts.path(payload["sha256"]))
                fetched = {}
            else:
                path, file_format = source_jobs.fetch(context, payload, settings)
                payload["format"] = file_format.value
                try:
                    outcome = _read_source(context, payload, path)
                    payload["sha256"] = artifacts.put_file(path)
                    fetched = {"sha256": payload["sha256"], "bytes": path.stat().st_size, "format": file_format.value}
                finally:
                    path.unlink(missing_ok=True)  # bytes that no import refers to would be nobody's to erase
        except SourceProblem as problem:
            problem.facts.setdefault("file", payload["source_file"])
            raise
        current.set_attribute(telemetry.ATTR_ROWS_OUT, outcome.accepted_row_count)
        current.set_attribute(telemetry.ATTR_ROWS_REFUSED, outcome.rejected_row_count)
    rows_file, refused_file = context.workdir / "rows.parquet", context.workdir / "refused.parquet"
    result = {
        "accepted": outcome.accepted_row_count,
        "rejected": outcome.rejected_row_count,
        "dialect": asdict(outcome.dialect),
        "likely_encoding": outcome.likely_encoding,
        "files": [asdict(part) for part in outcome.files],
        "skipped": outcome.skipped_record_count,
        "rows": artifacts.put_file(rows_file),
        "refused": artifacts.put_file(refused_file) if refused_file.exists() else "",
    }
    result |= {"fetched": fetched} if fetched else {}
    return json.dumps(_without_excluded(context, artifacts, payload, result)).encode()


def _read_source(context: JobContext, payload: dict[str, Any], path: Path) -> "ImportOutcome":
    from aisle_governance.engines.decode import Limits
    from aisle_governance.engines.importer import import_file
    from aisle_governance.engines.readers import Source

    mapping, dialect = ColumnMapping(**payload["mapping"]), Dialect(**payload["dialect"])
    refused_file = context.workdir / "refused.parquet"
    refused_file.unlink(missing_ok=True)

    def say(rows: int, ratio: float) -> None:
        context.raise_if_cancelled()
        context.progress(0.99 * ratio, f"read {rows} rows")

    return import_file(
        Source(path, DatasetKind(payload["kind"]), mapping, dialect),
        FileFormat(payload["format"]),
        payload["import"],
        context.workdir / "rows.parquet",
        refused_file,
        limits=Limits(decoded_bytes=payload["max_decoded_bytes"]),
        on_rows=say,
    )


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
    parts = {part["dataset"]: part for part in payload["datasets"]}
    dry_run = bool(payload.get("dry_run"))
    around, order = _surroundings(payload, settings.tables_dir)
    results, stopped = {}, []
    for index, dataset in enumerate(order):
        place = _Place(payload["run"], settings.tables_dir, index / len(parts), 1 / len(parts), dry_run)
        result = _govern_one(context, parts[dataset], artifacts, place, around)
        results[dataset] = result
        failed = [c["check"] for c in result["report"]["checks"] if not c["passed"] and c["severity"] == "ERROR"]
        if failed:
            stopped.append((dataset, failed))
    made = [results[dataset] for dataset in parts]
    if stopped and not dry_run:
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


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a dataset stands in its run."""

    run: str
    tables: Path
    begin: float
    """Progress of the run before it, 0 to 1."""
    share: float
    """Its part of the run's progress."""
    dry_run: bool


def _surroundings(payload: dict[str, Any], tables: Path) -> "tuple[Surroundings, list[str]]":
    """What checks look at beside their table, and the order in which the datasets are governed."""
    from aisle_governance.engines.odcs import default_contract, parse_contract
    from aisle_governance.engines.surroundings import Surroundings, in_order

    contracts = {}
    for part in payload["datasets"]:
        kind = DatasetKind(part["kind"])
        contracts[part["dataset"]] = parse_contract(part["contract_yaml"] or default_contract(kind), kind)
    return Surroundings(contracts, payload.get("beside", {}), tables, time.time), in_order(contracts)


def governed_dataset(
    part: dict[str, Any], artifacts: ArtifactStore, around: "Surroundings | None" = None
) -> "GovernedDataset":
    """What is to be governed, from the part of a run's payload about one dataset; `around` is what its checks look at beside it."""
    from aisle_governance.domain.check_context import CheckContext
    from aisle_governance.domain.repair.model import RepairModel
    from aisle_governance.engines.governor import GovernedDataset

    dataset, mapping = part["dataset"], ColumnMapping(**part["mapping"])
    return GovernedDataset(
        dataset=dataset,
        kind=DatasetKind(part["kind"]),
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
        context=around.context(dataset, (part["newest"] or {}).get("row_count")) if around else CheckContext(),
        categories=tuple(Accepted(**one | {"source": Source(one["source"])}) for one in part.get("categories", [])),
    )


def _govern_one(
    context: JobContext, part: dict[str, Any], artifacts: ArtifactStore, place: _Place, around: "Surroundings"
) -> dict[str, Any]:
    from aisle_governance.engines.choosing import govern_with
    from aisle_governance.engines.tables import schema_words

    dataset, kind = part["dataset"], DatasetKind(part["kind"])
    run, tables, begin, share = place.run, place.tables, place.begin, place.share
    job = governed_dataset(part, artifacts, around)

    def say(ratio: float, phase: str) -> None:
        context.raise_if_cancelled()
        context.progress(begin + share * ratio, f"{dataset}: {phase}")

    with span(telemetry.SPAN_GOVERN, **{telemetry.ATTR_DATASET: dataset}) as current:
        work = context.workdir / "batches"
        candidate, engine = govern_with(job, run, work, engine_choice(GovernanceSettings()), say)
        current.set_attribute(telemetry.ATTR_ENGINE, engine.value)
        report = candidate.report.to_json()
        around.keep(dataset, candidate)
        path = context.workdir / "put_aside.parquet"
        if not place.dry_run and candidate.put_aside(path):
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
        skip = unchanged or candidate.report.stopping_checks or place.dry_run
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
