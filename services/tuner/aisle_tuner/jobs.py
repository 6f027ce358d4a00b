"""Entry points of the tuner's child processes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle_runtime.client import open_sync_channel, token_from_file
from aisle_runtime.db import Database

from aisle_tuner import convert
from aisle_tuner.domain.trials import Trial, best_trial
from aisle_tuner.engines.search import Search
from aisle_tuner.engines.trainer import TrialJobs
from aisle_tuner.errors import NoTrialCompleted
from aisle_tuner.settings import TunerSettings
from aisle_tuner.storage import studies
from aisle_tuner.study_run import StudyRun

if TYPE_CHECKING:
    from aisle_runtime.jobs import JobContext


def run_study(context: "JobContext") -> bytes:
    """Run the study with the id of the job and return its trials; goes on where an earlier process stopped.

    The study is read from the service's database, which this process never writes. Raises NoTrialCompleted,
    TrainerAway.
    """
    settings = TunerSettings()
    db = Database(settings.effective_database_url)
    stored = db.read_sync(lambda conn: studies.get_study(conn, context.job_id))
    base_spec = pipeline_pb.TrainingSpec.FromString(stored.base_spec)
    plan = convert.plan(pipeline_pb.TuningStage.FromString(stored.stage), base_spec)
    channel = open_sync_channel(
        settings.trainer_address,
        token=token_from_file(settings.client_token_file),
        ca_file=settings.client_ca_file or "",
    )

    def tell(ratio: float, phase: str, trials: Sequence[Trial] | None) -> None:
        context.progress(ratio, phase, b"" if trials is None else convert.trials_bytes(trials))

    def stopped() -> bool:
        return db.read_sync(lambda conn: studies.stop_requested(conn, stored.id))

    search = Search(context.workdir, plan, settings.reduction_factor)
    try:
        with channel:
            trainer = TrialJobs(channel, stored.name, settings.trainer_patience_seconds)
            run = StudyRun(plan, base_spec, search, trainer, stopped, tell)
            trials = run.run()
            if best_trial(trials) is None:
                raise NoTrialCompleted(len(trials), next(reversed(run.failures()), ""))
            return convert.trials_bytes(trials)
    finally:
        search.close()
        db.close()
