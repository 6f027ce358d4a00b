"""Studies and trials in the database."""

import json
import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from aisle_tuner.domain.studies import StoredStudy
from aisle_tuner.domain.trials import Trial, TrialState
from aisle_tuner.errors import UnknownStudy
from aisle_tuner.storage.tables import studies, trials


def add_study(conn: Connection, study: StoredStudy) -> None:
    """Store a new study."""
    conn.execute(
        insert(studies).values(
            id=study.id,
            stage=study.stage,
            base_spec=study.base_spec,
            slip=study.slip,
            pipeline_run=study.pipeline_run,
            stop_requested=study.stop_requested,
            create_time=study.create_time,
        )
    )


def get_study(conn: Connection, study_id: str) -> StoredStudy:
    """Return one study; raises UnknownStudy."""
    row = conn.execute(select(studies).where(studies.c.id == study_id)).one_or_none()
    if row is None:
        raise UnknownStudy(f"studies/{study_id}")
    return _study(row)


def list_studies(conn: Connection, before: str, limit: int) -> list[StoredStudy]:
    """Return studies, newest first, older than the id `before` ("" = all); ids sort by time."""
    query = select(studies).order_by(studies.c.id.desc()).limit(limit)
    if before:
        query = query.where(studies.c.id < before)
    return [_study(row) for row in conn.execute(query)]


def request_stop(conn: Connection, study_id: str) -> None:
    """Note that no further trial shall begin."""
    conn.execute(update(studies).where(studies.c.id == study_id).values(stop_requested=True))


def stop_requested(conn: Connection, study_id: str) -> bool:
    """Say whether no further trial shall begin."""
    return bool(conn.execute(select(studies.c.stop_requested).where(studies.c.id == study_id)).scalar())


def save_trials(conn: Connection, study_id: str, values: Sequence[Trial]) -> None:
    """Bring the stored trials to these values; only what differs is written."""
    known = {trial.number: _values(study_id, trial) for trial in list_trials(conn, study_id)}
    changed = [row for trial in values if (row := _values(study_id, trial)) != known.get(trial.number)]
    if changed:
        numbers = [row["number"] for row in changed]
        conn.execute(delete(trials).where(trials.c.study == study_id, trials.c.number.in_(numbers)))
        conn.execute(insert(trials), changed)


def list_trials(conn: Connection, study_id: str, after: int = 0, limit: int | None = None) -> list[Trial]:
    """Return trials by number, those after the number `after`."""
    query = select(trials).where(trials.c.study == study_id, trials.c.number > after).order_by(trials.c.number)
    return [_trial(row) for row in conn.execute(query.limit(limit) if limit is not None else query)]


def _study(row: Row[Any]) -> StoredStudy:
    return StoredStudy(
        row.id,
        bytes(row.stage),
        bytes(row.base_spec),
        bytes(row.slip),
        row.pipeline_run,
        bool(row.stop_requested),
        row.create_time,
    )


def _values(study_id: str, trial: Trial) -> dict[str, Any]:
    return {
        "study": study_id,
        "number": trial.number,
        "state": trial.state.value,
        "parameters": json.dumps(dict(trial.parameters), sort_keys=True),
        "score": None if math.isnan(trial.score) else trial.score,
        "training_job": trial.training_job,
        "step_count": trial.step_count,
    }


def _trial(row: Row[Any]) -> Trial:
    return Trial(
        number=row.number,
        state=TrialState(row.state),
        parameters=json.loads(row.parameters),
        score=math.nan if row.score is None else row.score,
        training_job=row.training_job,
        step_count=row.step_count,
    )
