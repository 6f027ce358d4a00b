"""Models, versions and verdicts in the database."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from aisle_registry.domain.bundles import bundle_digest
from aisle_registry.domain.model import (
    BundleFile,
    Comparator,
    Evaluation,
    Gate,
    GateResult,
    Metric,
    ModelSummary,
    ModelVersion,
    Rewrite,
    Submission,
    SystemScore,
    Task,
    Verdict,
)
from aisle_registry.errors import UnknownModel, UnknownVersion
from aisle_registry.storage import history
from aisle_registry.storage.tables import bundle_rewrites, model_files, model_versions, models, verdicts


def add_version(conn: Connection, submission: Submission, now: float) -> ModelVersion:
    """Store the next version of the model and the model itself when it is new.

    The model's row is locked first, so numbers ascend without gaps however many writers there are.
    """
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    new_model = dialect.insert(models).values(id=submission.model, revision=0, version_count=0, create_time=now)
    conn.execute(new_model.on_conflict_do_nothing())
    lock_model(conn, submission.model)
    counted = update(models).where(models.c.id == submission.model).values(version_count=models.c.version_count + 1)
    number = int(conn.execute(counted.returning(models.c.version_count)).scalar_one())
    version = ModelVersion(number, bundle_digest(submission.files), submission, now)
    conn.execute(
        insert(model_versions).values(
            model=submission.model,
            version=number,
            bundle_digest=version.bundle_digest,
            training_job=submission.training_job,
            training_spec=submission.training_spec,
            dataset_versions=json.dumps(submission.dataset_versions),
            evaluations=json.dumps([asdict(evaluation) for evaluation in submission.evaluations]),
            create_time=now,
        )
    )
    rows = [
        {"model": submission.model, "version": number, "position": position, **asdict(file)}
        for position, file in enumerate(submission.files)
    ]
    conn.execute(insert(model_files), rows)
    return version


def lock_model(conn: Connection, model: str) -> None:
    """Hold every other writer of this model back until the transaction ends; raises UnknownModel."""
    locked = update(models).where(models.c.id == model).values(revision=models.c.revision + 1)
    if conn.execute(locked).rowcount != 1:
        raise UnknownModel(model)


def require_model(conn: Connection, model: str) -> None:
    """Raise UnknownModel when the model does not exist."""
    if conn.execute(select(models.c.id).where(models.c.id == model)).first() is None:
        raise UnknownModel(model)


def get_version(conn: Connection, model: str, number: int) -> ModelVersion:
    """Return one version; raises UnknownVersion."""
    found = _load(conn, model, [number])
    if not found:
        raise UnknownVersion(f"models/{model}/versions/{number}")
    return found[0]


def list_versions(conn: Connection, model: str, before: int, limit: int) -> list[ModelVersion]:
    """Return versions newest first, those below the number `before` (0 = all); raises UnknownModel."""
    require_model(conn, model)
    query = select(model_versions.c.version).where(model_versions.c.model == model)
    if before:
        query = query.where(model_versions.c.version < before)
    numbers = conn.execute(query.order_by(model_versions.c.version.desc()).limit(limit)).scalars().all()
    return _load(conn, model, list(numbers))


def list_models(conn: Connection, after: str, limit: int) -> list[ModelSummary]:
    """Return models by id, those after the id `after`."""
    query = select(models.c.id, models.c.version_count).where(models.c.id > after).order_by(models.c.id).limit(limit)
    found = []
    for row in conn.execute(query):
        aliases = tuple((change.alias, change.version) for change in history.current_aliases(conn, row.id))
        found.append(ModelSummary(row.id, row.version_count, row.version_count, aliases))
    return found


def add_verdict(conn: Connection, model: str, number: int, verdict: Verdict) -> None:
    """Store a verdict as the newest of its version."""
    mine = (verdicts.c.model == model) & (verdicts.c.version == number)
    newest = conn.execute(select(func.coalesce(func.max(verdicts.c.sequence), 0)).where(mine)).scalar_one()
    conn.execute(
        insert(verdicts).values(
            model=model,
            version=number,
            sequence=newest + 1,
            passed=verdict.passed,
            champion=verdict.champion,
            results=json.dumps([asdict(result) for result in verdict.results]),
            create_time=verdict.create_time,
        )
    )


def version_numbers(conn: Connection, since: float = 0.0) -> list[tuple[str, int]]:
    """Return (model, number) of every version made at or after `since`, oldest first."""
    query = select(model_versions.c.model, model_versions.c.version).where(model_versions.c.create_time >= since)
    return [(row.model, row.version) for row in conn.execute(query.order_by(model_versions.c.create_time))]


def rewrite_version(
    conn: Connection, before: ModelVersion, after: Submission, erasure: str, now: float
) -> ModelVersion | None:
    """Put other files and evaluations into a version and append the rewriting; None when it is not `before` any more."""
    model, number = before.submission.model, before.number
    lock_model(conn, model)
    digest = bundle_digest(after.files)
    mine = (model_versions.c.model == model) & (model_versions.c.version == number)
    evidence = json.dumps([asdict(evaluation) for evaluation in after.evaluations])
    values = {"bundle_digest": digest, "evaluations": evidence}
    same = mine & (model_versions.c.bundle_digest == before.bundle_digest)
    if conn.execute(update(model_versions).where(same).values(values)).rowcount != 1:
        return None
    for position, file in enumerate(after.files):
        place = (
            (model_files.c.model == model) & (model_files.c.version == number) & (model_files.c.position == position)
        )
        conn.execute(update(model_files).where(place).values(asdict(file)))
    if digest != before.bundle_digest:
        old = {file.path: file.sha256 for file in before.submission.files}
        changed = sorted(file.path for file in after.files if old.get(file.path) != file.sha256)
        conn.execute(
            insert(bundle_rewrites).values(
                model=model,
                version=number,
                sequence=len(before.rewrites) + 1,
                erasure=erasure,
                digest_before=before.bundle_digest,
                digest_after=digest,
                paths=json.dumps(changed),
                create_time=now,
            )
        )
    return get_version(conn, model, number)


def used_digests(conn: Connection) -> set[str]:
    """Return the digests of the files of all versions."""
    return set(conn.execute(select(model_files.c.sha256)).scalars())


def _load(conn: Connection, model: str, numbers: Sequence[int]) -> list[ModelVersion]:
    """Return the versions with these numbers, newest first, each with its files, newest verdict and aliases."""
    if not numbers:
        return []
    mine = (model_versions.c.model == model) & model_versions.c.version.in_(numbers)
    rows = conn.execute(select(model_versions).where(mine).order_by(model_versions.c.version.desc())).all()
    files: dict[int, list[BundleFile]] = defaultdict(list)
    file_query = select(model_files).where(model_files.c.model == model, model_files.c.version.in_(numbers))
    for row in conn.execute(file_query.order_by(model_files.c.version, model_files.c.position)):
        files[row.version].append(BundleFile(row.path, row.sha256, row.size_bytes))
    said: dict[int, Verdict] = {}
    verdict_query = select(verdicts).where(verdicts.c.model == model, verdicts.c.version.in_(numbers))
    for row in conn.execute(verdict_query.order_by(verdicts.c.sequence)):
        said[row.version] = _verdict(row)
    rewrites: dict[int, list[Rewrite]] = defaultdict(list)
    rewrite_query = select(bundle_rewrites).where(
        bundle_rewrites.c.model == model, bundle_rewrites.c.version.in_(numbers)
    )
    for row in conn.execute(rewrite_query.order_by(bundle_rewrites.c.sequence)):
        rewrites[row.version].append(_rewrite(row))
    aliases: dict[int, list[str]] = defaultdict(list)
    for change in history.current_aliases(conn, model):
        aliases[change.version].append(change.alias)
    return [
        ModelVersion(
            row.version,
            row.bundle_digest,
            _submission(row, tuple(files[row.version])),
            row.create_time,
            said.get(row.version),
            tuple(aliases[row.version]),
            tuple(rewrites[row.version]),
        )
        for row in rows
    ]


def _rewrite(row: Row[Any]) -> Rewrite:
    paths = tuple(json.loads(row.paths))
    return Rewrite(row.sequence, row.erasure, row.digest_before, row.digest_after, paths, row.create_time)


def _submission(row: Row[Any], files: tuple[BundleFile, ...]) -> Submission:
    return Submission(
        model=row.model,
        files=files,
        training_job=row.training_job,
        dataset_versions=tuple(json.loads(row.dataset_versions)),
        training_spec=bytes(row.training_spec),
        evaluations=tuple(_evaluation(entry) for entry in json.loads(row.evaluations)),
    )


def _evaluation(entry: dict[str, Any]) -> Evaluation:
    systems = tuple(
        SystemScore(
            score["system"], tuple(Metric(**metric) for metric in score["metrics"]), tuple(score["unit_values"])
        )
        for score in entry["systems"]
    )
    return Evaluation(Task(entry["task"]), entry["dataset_version"], tuple(entry["unit_ids"]), systems)


def _verdict(row: Row[Any]) -> Verdict:
    results = tuple(_result(entry) for entry in json.loads(row.results))
    return Verdict(row.passed, row.champion, results, row.create_time)


def _result(entry: dict[str, Any]) -> GateResult:
    gate = entry["gate"]
    difference = entry["difference"]
    return GateResult(
        gate=Gate(gate["metric"], Comparator(gate["comparator"]), gate["threshold"], Task(gate["task"])),
        passed=entry["passed"],
        candidate_value=entry["candidate_value"],
        champion_value=entry["champion_value"],
        explanation=entry["explanation"],
        difference=None if difference is None else Metric(**difference),
    )
