"""The tuner's verbs: begin a study, follow it, stop it, and tell how it ended; each inside a transaction of the caller."""

import time
from collections.abc import Callable

from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.tuner.v1 import study_pb2 as pb
from aisle.tuner.v1 import tuner_events_pb2 as events_pb
from aisle.type.v1 import failure_pb2
from aisle_runtime.convert import failure_from_job
from aisle_runtime.jobs import JobFailure, JobKind, JobRecord, Jobs
from aisle_runtime.names import new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_tuner import convert, telemetry
from aisle_tuner.domain.studies import StoredStudy
from aisle_tuner.domain.trials import best_trial
from aisle_tuner.errors import StudyEnded, UnknownStudy
from aisle_tuner.storage import studies

STUDY = "study"
ATTEMPTS = 10


class Desk:
    """Changes what the tuner keeps and tells it: state and event are stored by the same transaction."""

    def __init__(self, jobs: Jobs, outbox: Outbox, now: Callable[[], float] = time.time) -> None:
        """Run studies as jobs; `study_kind` must be registered with `jobs`."""
        self._jobs, self._outbox, self._now = jobs, outbox, now

    def study_kind(self, max_parallel: int) -> JobKind:
        """Return how studies run."""
        return JobKind(
            kind=STUDY,
            target="aisle_tuner.jobs:run_study",
            max_parallel=max_parallel,
            max_attempts=ATTEMPTS,
            on_progress=self._progressed,
            on_succeeded=self._succeeded,
            on_failed=self._failed,
        )

    def begin(
        self,
        conn: Connection,
        stage: pipeline_pb.TuningStage,
        base_spec: pipeline_pb.TrainingSpec,
        slip: pipeline_pb.RoutingSlip | None = None,
    ) -> pb.Study:
        """Store a study and queue its job; the stage must have been checked."""
        stored = StoredStudy(
            id=new_id(),
            stage=stage.SerializeToString(),
            base_spec=base_spec.SerializeToString(),
            slip=b"" if slip is None else slip.SerializeToString(),
            pipeline_run="" if slip is None else slip.pipeline_run,
            stop_requested=False,
            create_time=self._now(),
        )
        studies.add_study(conn, stored)
        record = self._jobs.submit(conn, STUDY, stored.id, b"")
        return convert.study(stored, [], record)

    def study(self, conn: Connection, study_id: str) -> pb.Study:
        """Return a study as it is now; raises UnknownStudy."""
        return self.message(conn, studies.get_study(conn, study_id))

    def message(self, conn: Connection, stored: StoredStudy, record: JobRecord | None = None) -> pb.Study:
        """Return a stored study with its trials, in the state of `record` or the newest."""
        record = record or self._jobs.get(conn, stored.id)
        if record is None:
            raise UnknownStudy(stored.name)
        return convert.study(stored, studies.list_trials(conn, stored.id), record)

    def stop(self, conn: Connection, study_id: str) -> pb.Study:
        """Have the study end after its running trial; raises UnknownStudy, StudyEnded."""
        stored = studies.get_study(conn, study_id)
        record = self._jobs.get(conn, study_id)
        if record is None or record.state.is_final:
            raise StudyEnded(stored.name)
        studies.request_stop(conn, study_id)
        return self.message(conn, stored, record)

    def refuse(self, conn: Connection, slip: pipeline_pb.RoutingSlip, failure: failure_pb2.Failure) -> None:
        """Tell that a pipeline's study could not even begin."""
        self._outbox.add(conn, telemetry.SUBJECT_STUDY_FAILED, events_pb.StudyFailed(failure=failure, slip=slip))

    def _progressed(self, conn: Connection, record: JobRecord, detail: bytes) -> None:
        if detail:
            studies.save_trials(conn, record.id, convert.trials_from_bytes(detail))

    def _succeeded(self, conn: Connection, record: JobRecord, result: bytes) -> None:
        trials = convert.trials_from_bytes(result)
        studies.save_trials(conn, record.id, trials)
        stored = studies.get_study(conn, record.id)
        news = events_pb.StudyCompleted(study=convert.study(stored, trials, record))
        best = best_trial(trials)
        if stored.slip and best is not None:
            news.slip.CopyFrom(self._slip(stored))
            news.slip.spec.training.CopyFrom(convert.tuned(news.slip.spec.training, best.parameters))
        self._outbox.add(conn, telemetry.SUBJECT_STUDY_COMPLETED, news)

    def _failed(self, conn: Connection, record: JobRecord, failure: JobFailure) -> None:
        stored = studies.get_study(conn, record.id)
        news = events_pb.StudyFailed(study=stored.name, failure=failure_from_job(failure))
        if stored.slip:
            news.slip.CopyFrom(self._slip(stored))
        self._outbox.add(conn, telemetry.SUBJECT_STUDY_FAILED, news)

    def _slip(self, stored: StoredStudy) -> pipeline_pb.RoutingSlip:
        slip = pipeline_pb.RoutingSlip.FromString(stored.slip)
        slip.study = stored.name
        return slip
