"""The search itself: Optuna's TPE sampler and successive halving over a study that survives its process.

Every draw, report and end is a transaction in a SQLite file in the job's folder. The sampler is seeded per trial, so
the values of a trial depend on the seed and on the trials before it and not on how often the process was restarted.
Source: Bergstra et al. 2011 (TPE); Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning (ASHA).
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from aisle_tuner.domain.space import Plan, Range
from aisle_tuner.domain.trials import Trial, TrialState

_NAME = "study"
_JOB, _STEPS, _PRUNED, _WHY, _RUNG = "training_job", "step_count", "pruned", "failure", "first_rung"
_STATES = {
    OptunaState.RUNNING: TrialState.RUNNING,
    OptunaState.WAITING: TrialState.RUNNING,
    OptunaState.COMPLETE: TrialState.COMPLETE,
    OptunaState.PRUNED: TrialState.PRUNED,
    OptunaState.FAIL: TrialState.FAILED,
}
_MOST_RANDOM_TRIALS = 10


class Search:
    """One study in one folder; used by one process at a time."""

    def __init__(self, folder: Path, plan: Plan, reduction_factor: int = 2) -> None:
        """Open the study in `folder`, or begin it."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._plan, self._reduction_factor = plan, reduction_factor
        self._storage = optuna.storages.RDBStorage(
            f"sqlite:///{folder / 'study.db'}", engine_kwargs={"connect_args": {"timeout": 30}}
        )
        self._study = optuna.create_study(
            storage=self._storage, study_name=_NAME, direction="maximize", load_if_exists=True
        )
        self._set_pruner(int(self._study.user_attrs.get(_RUNG, 1)))

    def close(self) -> None:
        """Release the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def set_first_rung(self, steps: int) -> None:
        """Have successive halving look first after `steps` steps; the first call of a study's life decides."""
        if _RUNG not in self._study.user_attrs:
            self._study.set_user_attr(_RUNG, max(1, steps))
            self._set_pruner(max(1, steps))

    def unfinished(self) -> "OpenTrial | None":
        """Return the trial that runs, for example since before a restart; None when there is none."""
        frozen = next((trial for trial in self._frozen() if not trial.state.is_finished()), None)
        if frozen is None:
            return None
        self._seed(frozen.number)
        return self._open(optuna.trial.Trial(self._study, frozen._trial_id))

    def begin(self) -> "OpenTrial":
        """Draw the values of the next trial."""
        self._seed(len(self._frozen()))
        return self._open(self._study.ask())

    def trials(self) -> list[Trial]:
        """Return every trial by number."""
        return [_trial(frozen) for frozen in self._frozen()]

    def failures(self) -> list[str]:
        """Return why trials failed, in order."""
        return [str(frozen.user_attrs.get(_WHY, "")) for frozen in self._frozen() if frozen.state is OptunaState.FAIL]

    def _open(self, trial: optuna.trial.Trial) -> "OpenTrial":
        values: dict[str, float] = {}
        for entry in self._plan.ranges:
            values[entry.field] = _draw(trial, entry)
        return OpenTrial(self._study, trial, values)

    def _seed(self, number: int) -> None:
        digest = hashlib.sha256(f"{self._plan.seed}:{number}".encode()).digest()
        random_trials = max(2, min(_MOST_RANDOM_TRIALS, self._plan.trial_count // 3))
        self._study.sampler = optuna.samplers.TPESampler(
            seed=int.from_bytes(digest[:4], "big"), n_startup_trials=random_trials, multivariate=False
        )

    def _set_pruner(self, steps: int) -> None:
        self._study.pruner = optuna.pruners.SuccessiveHalvingPruner(
            min_resource=steps, reduction_factor=self._reduction_factor
        )

    def _frozen(self) -> list[FrozenTrial]:
        return sorted(self._study.get_trials(deepcopy=False), key=lambda trial: trial.number)


class OpenTrial:
    """A trial whose training job runs or is about to."""

    def __init__(self, study: optuna.Study, trial: optuna.trial.Trial, parameters: dict[str, float]) -> None:
        """Wrap a trial of `study` whose values are drawn."""
        self._study, self._trial = study, trial
        self.number = trial.number + 1
        """Counts up from 1."""
        self.parameters = parameters
        """Drawn values by field."""

    @property
    def pruned(self) -> bool:
        """Whether it was decided to stop the trial early."""
        return bool(self._trial.user_attrs.get(_PRUNED, False))

    @property
    def last_step(self) -> int:
        """Newest step that was reported, 0 before the first."""
        return max(self._values(), default=0)

    def attach(self, training_job: str) -> None:
        """Note which training job is the trial."""
        if self._trial.user_attrs.get(_JOB) != training_job:
            self._trial.set_user_attr(_JOB, training_job)

    def report(self, step: int, score: float) -> None:
        """Note a validation score; steps that were reported before, and scores that are no number, are left out."""
        if step > self.last_step and math.isfinite(score):
            self._trial.report(score, step)

    def should_prune(self) -> bool:
        """Say whether others were better at the same step, and remember it when they were."""
        if not self.pruned and self._values() and self._trial.should_prune():
            self._trial.set_user_attr(_PRUNED, True)
        return self.pruned

    def end(self, state: TrialState, step_count: int, why: str = "") -> TrialState:
        """End the trial and return how it ended: a complete one needs a score, otherwise it has failed."""
        best = max(self._values().values(), default=math.nan)
        if state is TrialState.COMPLETE and math.isnan(best):
            state, why = TrialState.FAILED, "the training job ended without a validation score"
        self._trial.set_user_attr(_STEPS, step_count)
        if why:
            self._trial.set_user_attr(_WHY, why[:500])
        told = {
            TrialState.COMPLETE: OptunaState.COMPLETE,
            TrialState.PRUNED: OptunaState.PRUNED,
            TrialState.FAILED: OptunaState.FAIL,
        }[state]
        self._study.tell(self._trial, best if state is TrialState.COMPLETE else None, told)
        return state

    def _values(self) -> dict[int, float]:
        frozen: Any = self._trial.storage.get_trial(self._trial._trial_id)
        return dict(frozen.intermediate_values)


def _draw(trial: optuna.trial.Trial, entry: Range) -> float:
    """Return the trial's value of a field; a value that was drawn before comes back."""
    if entry.is_integer:
        return float(trial.suggest_int(entry.field, int(entry.low), int(entry.high), log=entry.log_scale))
    return float(trial.suggest_float(entry.field, entry.low, entry.high, log=entry.log_scale))


def _trial(frozen: FrozenTrial) -> Trial:
    state = _STATES[frozen.state]
    values = frozen.intermediate_values
    newest = values[max(values)] if values else math.nan
    score = float(frozen.value) if state is TrialState.COMPLETE and frozen.value is not None else newest
    steps = int(frozen.user_attrs.get(_STEPS, max(values, default=0)))
    parameters = {name: float(value) for name, value in frozen.params.items()}
    return Trial(frozen.number + 1, state, parameters, score, str(frozen.user_attrs.get(_JOB, "")), steps)
