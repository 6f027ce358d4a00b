"""Which models were trained on which versions and columns; every function runs inside the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from aisle_governance.storage.tables import label_builds, model_aliases, model_inputs, training_inputs


@dataclass(frozen=True, slots=True)
class TrainingInput:
    """What a task of a training job has read."""

    dataset: str
    number: int
    task: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model version that was trained on a version of a dataset."""

    model_version: str
    dataset: str
    number: int
    columns: tuple[str, ...] | None
    """Columns that were read; None when nobody has told."""
    tasks: tuple[str, ...]
    aliases: tuple[str, ...]


def put_training(conn: Connection, training_job: str, inputs: Sequence[TrainingInput]) -> None:
    """Note what a training job has read, in place of what was noted before."""
    conn.execute(delete(training_inputs).where(training_inputs.c.training_job == training_job))
    for one in inputs:
        conn.execute(
            insert(training_inputs).values(
                training_job=training_job,
                dataset=one.dataset,
                number=one.number,
                task=one.task,
                columns=json.dumps(one.columns),
            )
        )


def put_model(conn: Connection, model_version: str, training_job: str, versions: Sequence[tuple[str, int]]) -> None:
    """Note which versions (dataset, number) a model version was trained on, in place of what was noted before."""
    conn.execute(delete(model_inputs).where(model_inputs.c.model_version == model_version))
    for dataset, number in sorted(set(versions)):
        conn.execute(
            insert(model_inputs).values(
                model_version=model_version, dataset=dataset, number=number, training_job=training_job
            )
        )


def put_alias(conn: Connection, holder: str, model_version: str) -> None:
    """Note which model version `models/{model}@{alias}` points at."""
    conn.execute(delete(model_aliases).where(model_aliases.c.holder == holder))
    conn.execute(insert(model_aliases).values(holder=holder, model_version=model_version))


def uses_of(conn: Connection, dataset: str) -> list[ModelUse]:
    """Every model version that was trained on a version of the dataset, by name."""
    read: dict[tuple[str, int], list[tuple[str, tuple[str, ...]]]] = {}
    for row in conn.execute(select(training_inputs).where(training_inputs.c.dataset == dataset)):
        read.setdefault((row.training_job, row.number), []).append((row.task, tuple(json.loads(row.columns))))
    aliases: dict[str, list[str]] = {}
    for row in conn.execute(select(model_aliases).order_by(model_aliases.c.holder)):
        aliases.setdefault(row.model_version, []).append(row.holder.partition("@")[2])
    query = select(model_inputs).where(model_inputs.c.dataset == dataset)
    found = []
    for row in conn.execute(query.order_by(model_inputs.c.model_version, model_inputs.c.number)):
        told = read.get((row.training_job, row.number)) if row.training_job else None
        columns = None if told is None else tuple(dict.fromkeys(name for _, names in told for name in names))
        tasks = () if told is None else tuple(sorted(task for task, _ in told))
        alias = tuple(aliases.get(row.model_version, ()))
        found.append(ModelUse(row.model_version, dataset, row.number, columns, tasks, alias))
    return found


def labels_from(conn: Connection, events_dataset: str) -> list[str]:
    """Ids of the datasets whose labels are built from a dataset of user events."""
    query = select(label_builds.c.dataset).where(label_builds.c.events_dataset == events_dataset).distinct()
    return sorted(conn.execute(query).scalars())
