"""Data ROI studies from request to result, inside the caller's transaction."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from aisle.governance.v1 import data_roi_pb2 as pb
from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle_runtime.jobs import JobFailure, JobRecord, Jobs
from aisle_runtime.names import new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_governance import convert_roi, telemetry
from aisle_governance.domain.cleaning import check_cleaning
from aisle_governance.domain.model import Dataset
from aisle_governance.domain.roi import MEASURED_KINDS, Arm, Reference, RoiStudy, plan_arms, without
from aisle_governance.engines.roi_arms import drop_study
from aisle_governance.errors import FailedPrecondition, InvalidField
from aisle_governance.running import Runs
from aisle_governance.storage import catalog, repairs, roi

JOB_KIND = "weigh_rules"
JOB_TARGET = "aisle_governance.roi_jobs:run_study"


class RoiStudies:
    """Starts studies and keeps what they have brought."""

    def __init__(self, jobs: Jobs, outbox: Outbox, runs: Runs, roi_dir: Path) -> None:
        """`runs` says what a run over a dataset reads; `roi_dir` holds what the trainer reads of arms."""
        self._jobs, self._outbox, self._runs, self._roi_dir = jobs, outbox, runs, roi_dir

    def start(self, conn: Connection, order: convert_roi.RoiOrder) -> RoiStudy:
        """Queue a study. Raises NotFound, InvalidField, or FailedPrecondition for a dataset without rows or of another kind."""
        parts: list[dict[str, object]] = []
        arms: list[Arm] = []
        for index, (run, candidates) in enumerate(order.runs):
            dataset = catalog.get_dataset(conn, run.dataset)
            path = f"spec.datasets[{index}]"
            _check_kind(dataset, path)
            check_cleaning(candidates, dataset.kind, f"{path}.candidates")
            disabled, cleaning = without(run.disabled_rules, run.cleaning, candidates)
            reference = replace(run, disabled_rules=tuple(disabled), cleaning=cleaning)
            parts.append({"run": self._runs.part(conn, reference, f"{path}.run"), "candidates": asdict(candidates)})
            has_repairs = repairs.newest_usable(conn, run.dataset) is not None
            planned = plan_arms(
                run.dataset, dataset.kind, disabled, cleaning, candidates, order.rules, repairs=has_repairs
            )
            arms += planned
        if all(not arm.rule for arm in arms):
            raise InvalidField("spec.rules", "names no rule that these datasets can do without or with")
        study = roi.add(
            conn,
            RoiStudy(
                id=new_id("roi"), sequence=0, spec=order.spec.SerializeToString(deterministic=True), arms=tuple(arms)
            ),
        )
        payload = {
            "study": study.id,
            "evaluator": order.evaluator.value,
            "datasets": parts,
            "arms": [arm.to_json() for arm in arms],
            "seeds": list(order.seeds),
            "seed": order.seeds[0],
            "training": order.training.SerializeToString(deterministic=True).hex(),
        }
        self._jobs.submit(conn, JOB_KIND, study.id, json.dumps(payload).encode())
        return study

    def message(self, study: RoiStudy, job: JobRecord | None) -> pb.RoiStudy:
        """The study as callers see it."""
        return convert_roi.study_message(study, job, convert_roi.metrics_of(study))

    def read(self, conn: Connection, study_id: str) -> pb.RoiStudy:
        """A study as it is now. Raises NotFound."""
        return self.message(roi.get(conn, study_id), self._jobs.get(conn, study_id))

    def check_running(self, conn: Connection, study_id: str) -> None:
        """Raise FailedPrecondition when the study has ended."""
        job = self._jobs.get(conn, study_id)
        if job is None or job.state.is_final:
            raise FailedPrecondition("The study has ended.", reason="ROI_STUDY_ENDED", next_step="Look at its result.")

    def on_progress(self, conn: Connection, job: JobRecord, detail: bytes) -> None:
        """Keep the arms that are measured."""
        if detail:
            self._keep(conn, job, detail)

    def on_succeeded(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        """Keep the verdicts, delete what the trainer has read, and tell."""
        self._keep(conn, job, result)
        drop_study(self._roi_dir, job.id)
        message = self.message(roi.get(conn, job.id), job)
        self._outbox.add(conn, telemetry.SUBJECT_ROI_STUDY_COMPLETED, events_pb2.RoiStudyCompleted(roi_study=message))

    def on_failed(self, conn: Connection, job: JobRecord, failure: JobFailure) -> None:
        """Delete what the trainer has read; arms that were measured stay."""
        drop_study(self._roi_dir, job.id)

    @staticmethod
    def _keep(conn: Connection, job: JobRecord, data: bytes) -> None:
        found = json.loads(data)
        references = [Reference.from_json(one) for one in found["references"]]
        roi.save(conn, job.id, references, [Arm.from_json(one) for one in found["arms"]])


def _check_kind(dataset: Dataset, path: str) -> None:
    if dataset.kind not in MEASURED_KINDS:
        raise FailedPrecondition(
            f"{path}.run.dataset holds {dataset.kind.lower().replace('_', ' ')}; only judgments and orders teach a ranking that "
            "can be measured.",
            reason="WRONG_KIND",
            next_step="Name a dataset of judgments or orders.",
            facts={"field": f"{path}.run.dataset", "kind": dataset.kind.value},
        )
