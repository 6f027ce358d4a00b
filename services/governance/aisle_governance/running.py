"""Governance runs from request to published versions, all inside the transactions of their jobs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle_runtime.convert import failure_from_job
from aisle_runtime.jobs import JobFailure, JobRecord, Jobs
from aisle_runtime.names import new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_governance import contract_reading, convert, releasing, telemetry
from aisle_governance.domain.cleaning import check_cleaning
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dataset, DatasetRun, Import, QualityReport, Run, TableFile, Version
from aisle_governance.errors import ContractBroken, FailedPrecondition, InvalidField, NotFound
from aisle_governance.storage import catalog, categories, history, labels, repairs

JOB_KIND = "govern"
JOB_TARGET = "aisle_governance.jobs:govern"


class Runs:
    """Starts runs and publishes what they made; everything runs inside the caller's transaction."""

    def __init__(self, jobs: Jobs, outbox: Outbox) -> None:
        """Use these to queue work and to tell of it."""
        self._jobs, self._outbox = jobs, outbox

    def start(
        self,
        conn: Connection,
        dataset_runs: Sequence[DatasetRun],
        slip: pipeline_spec_pb2.RoutingSlip | None = None,
        *,
        dry_run: bool = False,
    ) -> Run:
        """Queue a run over the imports that have succeeded by now; a dry run publishes nothing and only reports.

        Raises NotFound for a dataset, InvalidField for a rule, FailedPrecondition (DATASET_EMPTY) for a dataset without rows.
        """
        parts = [self.part(conn, part, f"stage.dataset_runs[{index}]") for index, part in enumerate(dataset_runs)]
        run = history.add_run(
            conn,
            Run(
                id=new_id("gov"),
                sequence=0,
                dataset_runs=tuple(dataset_runs),
                slip=b"" if slip is None else slip.SerializeToString(deterministic=True),
                pipeline_run="" if slip is None else slip.pipeline_run,
                dry_run=dry_run,
            ),
        )
        payload = {"run": run.id, "datasets": parts, "dry_run": dry_run, "beside": _beside(conn, parts)}
        self._jobs.submit(conn, JOB_KIND, run.id, json.dumps(payload).encode())
        return run

    @staticmethod
    def part(conn: Connection, part: DatasetRun, path: str) -> dict[str, Any]:
        """What a run has to know of one dataset, as plain data; raises as `start` does, fields named below `path`."""
        dataset = catalog.get_dataset(conn, part.dataset)
        convert.check_disabled_rules(part, dataset.kind, path)
        if part.currency_rates and not dataset.mapping.standards.target_currency:
            raise InvalidField(
                f"{path}.currency_rates",
                "has nothing to convert into: the dataset's mapping names no target currency",
                next_step="Create the dataset with `standards.target_currency`.",
            )
        imports = governable_imports(conn, part.dataset)
        if not imports:
            raise FailedPrecondition(
                f"Dataset {part.dataset!r} holds no imported rows.",
                reason="DATASET_EMPTY",
                next_step="Import a file and wait until its import has succeeded.",
                facts={"dataset": part.dataset},
            )
        newest = history.get_version(conn, part.dataset, dataset.latest_version) if dataset.latest_version else None
        check_cleaning(part.cleaning, dataset.kind, f"{path}.cleaning")
        more: dict[str, Any] = {
            "cleaning": part.cleaning.to_json(),
            "repairs": repairs.newest_usable(conn, part.dataset),
        }
        more["label_fixes"] = labels.fixes_of(conn, part.dataset)
        more["categories"] = [asdict(one) for one in categories.accepted_of(conn, part.dataset)]
        return _payload(dataset, part, imports, newest) | {"released": releasing.for_run(conn, part.dataset)} | more

    def on_progress(self, conn: Connection, job: JobRecord, detail: bytes) -> None:
        """Store a report as soon as it is there, so that a stopped run can be explained."""
        if detail:
            is_dry = history.get_run(conn, job.id).dry_run
            report = QualityReport.from_json(json.loads(detail))
            history.put_report(conn, report, history.DRY_RUN if is_dry else 0)

    def on_succeeded(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Publish all versions of the run under the next numbers, in one transaction."""
        run = history.get_run(conn, job.id)
        if run.dry_run:
            for made in json.loads(result)["datasets"]:
                history.put_report(conn, QualityReport.from_json(made["report"]), history.DRY_RUN)
            return
        now = datetime.now(UTC)
        versions = [self._publish(conn, run, made, now) for made in json.loads(result)["datasets"]]
        names = tuple(version.name for version in versions)
        history.set_published(conn, run.id, names)
        for version in versions:
            if version.run != run.id:
                continue  # nothing has changed since that version was published
            event = events_pb2.DatasetVersionPublished(dataset_version=convert.version_message(version))
            self._outbox.add(conn, telemetry.SUBJECT_VERSION_PUBLISHED, event)
        slip = _slip(run)
        if slip is not None:
            del slip.dataset_versions[:]
            slip.dataset_versions.extend(names)
        message = convert.run_message(history.get_run(conn, run.id), job)
        self._outbox.add(
            conn,
            telemetry.SUBJECT_RUN_COMPLETED,
            events_pb2.GovernanceRunCompleted(governance_run=message, slip=slip),
        )

    @staticmethod
    def _publish(conn: Connection, run: Run, made: dict[str, Any], now: datetime) -> Version:
        history.put_report(conn, QualityReport.from_json(made["report"]))
        if made["unchanged_version"]:
            history.set_report_version(conn, run.id, made["dataset"], made["unchanged_version"])
            return history.get_version(conn, made["dataset"], made["unchanged_version"])
        parent = catalog.get_dataset(conn, made["dataset"]).latest_version
        version = Version(
            dataset=made["dataset"],
            number=parent + 1,
            kind=DatasetKind(made["kind"]),
            content_hash=made["content_hash"],
            parent=parent,
            imports=tuple(made["imports"]),
            contract_hash=made["contract_hash"],
            rule_set_hash=made["rule_set_hash"],
            row_count=made["row_count"],
            columns=tuple((name, words) for name, words in made["columns"]),
            create_time=now,
            run=run.id,
            folder=made["folder"],
            files=tuple(TableFile(**file) for file in made["files"]),
        )
        history.add_version(conn, version)
        catalog.set_latest_version(conn, version.dataset, version.number)
        history.set_report_version(conn, run.id, version.dataset, version.number)
        return version

    def on_failed(self, conn: Connection, job: JobRecord, failure: JobFailure) -> None:
        """Tell that nothing was published, and which checks stopped it; of a dry run nobody is told."""
        run = history.get_run(conn, job.id)
        if run.dry_run:
            return
        for report in history.reports_of_run(conn, run.id):
            if report.stopping_checks:
                gate = events_pb2.QualityGateFailed(
                    governance_run=f"governanceRuns/{run.id}",
                    dataset=f"datasets/{report.dataset}",
                    failed_checks=[convert.check_message(check) for check in report.stopping_checks],
                )
                self._outbox.add(conn, telemetry.SUBJECT_QUALITY_GATE_FAILED, gate)
        event = events_pb2.GovernanceRunFailed(
            governance_run=f"governanceRuns/{run.id}", failure=failure_from_job(failure), slip=_slip(run)
        )
        self._outbox.add(conn, telemetry.SUBJECT_RUN_FAILED, event)


def governable_imports(conn: Connection, dataset: str) -> list[Import]:
    """Imports of a dataset that a run reads: those that have succeeded, without labels that a later build has brought anew."""
    replaced = labels.replaced_imports(conn, dataset)
    return [item for item in catalog.readable_imports(conn, dataset) if item.id not in replaced]


def _beside(conn: Connection, parts: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tables of versions that the contracts look at: `dataset/number` -> folder and files, `dataset` -> its newest version's."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        if not part["contract_yaml"]:
            continue  # default contracts look at nothing but their own table
        try:
            contract = contract_reading.parsed(part["contract_yaml"], DatasetKind(part["kind"]))
        except ContractBroken:  # the run itself tells
            continue
        wanted = [(part["dataset"], number) for number in contract_reading.references(contract)]
        wanted += [(name, None) for name in sorted(contract_reading.referred(contract))]
        for name, number in wanted:
            version = _whole_version(conn, name, number)
            if version is not None:
                found[name if number is None else f"{name}/{number}"] = {
                    "folder": version.folder,
                    "files": [asdict(file) for file in version.files],
                }
    return found


def _whole_version(conn: Connection, dataset: str, number: int | None) -> Version | None:
    """The version (None = the newest) while its files are there, or None."""
    try:
        newest = catalog.get_dataset(conn, dataset).latest_version
        version = history.get_version(conn, dataset, number or newest)
    except NotFound:
        return None
    return None if version.vacuum_time else version


def _slip(run: Run) -> pipeline_spec_pb2.RoutingSlip | None:
    return pipeline_spec_pb2.RoutingSlip.FromString(run.slip) if run.slip else None


def _mapping(dataset: Dataset, part: DatasetRun) -> ColumnMapping:
    """The dataset's mapping with the run's rates after its own, so that they count."""
    standards = dataset.mapping.standards
    rates = (*standards.currency_rates, *part.currency_rates)
    return replace(dataset.mapping, standards=replace(standards, currency_rates=rates))


def _payload(dataset: Dataset, part: DatasetRun, imports: Sequence[Import], newest: Version | None) -> dict[str, Any]:
    return {
        "newest": None
        if newest is None
        else {
            "number": newest.number,
            "row_count": newest.row_count,
            "imports": list(newest.imports),
            "content_hash": newest.content_hash,
            "contract_hash": newest.contract_hash,
            "rule_set_hash": newest.rule_set_hash,
        },
        "dataset": dataset.id,
        "kind": dataset.kind.value,
        "mapping": asdict(_mapping(dataset, part)),
        "contract_yaml": dataset.contract_yaml,
        "disabled_rules": list(part.disabled_rules),
        "imports": [{"id": source.id, "rows": source.rows_artifact} for source in imports],
    }
