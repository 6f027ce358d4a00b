"""One study from its first trial to its last: draws, trains, reports, prunes; may begin again at any point."""

from collections.abc import Callable, Sequence

from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle.type.v1 import job_pb2
from aisle_runtime import telemetry as tracing

from aisle_tuner import convert, telemetry
from aisle_tuner.domain.space import Plan
from aisle_tuner.domain.trials import Trial, TrialState
from aisle_tuner.engines.search import OpenTrial, Search
from aisle_tuner.engines.trainer import TrialJobs
from aisle_tuner.errors import TrialRefused

FAILURES_BEFORE_GIVING_UP = 3
"""A study whose first so many trials all fail would fail with the rest of them too."""

Tell = Callable[[float, str, Sequence[Trial] | None], None]


class StudyRun:
    """Runs a study's trials one after the other.

    A trial that was running when an earlier process died is taken up again: its training job is asked for under the
    same request_id, which gives the same job.
    """

    def __init__(
        self,
        plan: Plan,
        base_spec: pipeline_pb.TrainingSpec,
        search: Search,
        trainer: TrialJobs,
        stopped: Callable[[], bool],
        tell: Tell,
    ) -> None:
        """`stopped` is asked before every new trial; `tell` receives (ratio done, phase, trials when they changed)."""
        self._plan, self._base_spec = plan, base_spec
        self._search, self._trainer = search, trainer
        self._stopped, self._tell = stopped, tell
        self._ended = tracing.meter().create_counter(
            telemetry.METRIC_TRIALS_ENDED, unit="{trial}", description="Trials that have ended"
        )

    def run(self) -> list[Trial]:
        """Return all trials when enough have ended, or the study was stopped, or all of the first ones failed.

        Raises TrainerAway; calling again in the same folder goes on from there.
        """
        while (trial := self._next()) is not None:
            with tracing.span(telemetry.SPAN_TRIAL, **{telemetry.ATTR_TRIAL: trial.number}) as span:
                state = self._follow(trial)
                span.set_attribute(telemetry.ATTR_TRIAL_STATE, state.value)
            self._ended.add(1, {telemetry.ATTR_TRIAL_STATE: state.value})
            self._report(trial.number, 0.0)
        return self._search.trials()

    def failures(self) -> list[str]:
        """Return why trials failed, in order."""
        return self._search.failures()

    def _next(self) -> OpenTrial | None:
        if (unfinished := self._search.unfinished()) is not None:
            return unfinished
        trials = self._search.trials()
        hopeless = len(trials) >= FAILURES_BEFORE_GIVING_UP and all(
            trial.state is TrialState.FAILED for trial in trials
        )
        if len(trials) >= self._plan.trial_count or hopeless or self._stopped():
            return None
        return self._search.begin()

    def _follow(self, trial: OpenTrial) -> TrialState:
        try:
            job = self._trainer.create(convert.trial_spec(self._base_spec, self._plan, trial.parameters), trial.number)
            self._search.set_first_rung(job.spec.eval_every_steps)
            trial.attach(job.name)
            self._report(trial.number, 0.0)
            if trial.pruned:
                self._trainer.cancel(job.name, trial.number)
            for news in self._trainer.follow(job.name):
                job = news
                self._look_at(trial, job)
        except TrialRefused as error:
            return trial.end(TrialState.FAILED, trial.last_step, error.message)
        return trial.end(_outcome(trial, job), job.step_count, job.status.failure.message)

    def _look_at(self, trial: OpenTrial, job: training_pb.TrainingJob) -> None:
        """Hand new validation scores to Optuna, and stop the job when others were better."""
        fresh = [point for point in job.validations if point.step > trial.last_step]
        was_pruned = trial.pruned
        for point in fresh:
            trial.report(point.step, point.score)
            if trial.should_prune():
                break
        if trial.pruned and not was_pruned:
            self._trainer.cancel(job.name, trial.number)
        self._report(trial.number, job.step_count / job.max_steps if job.max_steps else 0.0, changed=bool(fresh))

    def _report(self, number: int, share: float, changed: bool = True) -> None:
        """Tell how far the study is: `share` of trial `number` is done."""
        trials = self._search.trials() if changed else None
        done = sum(trial.state is not TrialState.RUNNING for trial in trials) if trials is not None else number - 1
        ratio = (done + min(share, 1.0)) / self._plan.trial_count
        self._tell(min(ratio, 1.0), f"trial {number} of {self._plan.trial_count}", trials)


def _outcome(trial: OpenTrial, job: training_pb.TrainingJob) -> TrialState:
    if job.status.state == job_pb2.JOB_STATE_SUCCEEDED:
        return TrialState.COMPLETE
    if job.status.state == job_pb2.JOB_STATE_CANCELLED and trial.pruned:
        return TrialState.PRUNED
    return TrialState.FAILED
