"""Contracts of datasets: their history, suggestions from data, what a change means, and who uses a column."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from aisle_runtime.db import Database
from aisle_runtime.telemetry import span
from sqlalchemy import Connection

from aisle_governance import telemetry
from aisle_governance.contract_reading import parsed
from aisle_governance.domain.model import Dataset, Version
from aisle_governance.errors import FailedPrecondition, InvalidField
from aisle_governance.reading import find_version
from aisle_governance.storage import catalog, contracts, model_uses
from aisle_governance.storage.contracts import ContractVersion
from aisle_governance.versioning import check_whole

if TYPE_CHECKING:
    from aisle_governance.domain.contract_diff import Change
    from aisle_governance.engines.shapes import Shape
    from aisle_governance.engines.suggesting import Suggestion


@dataclass(frozen=True, slots=True)
class Source:
    """One side of a comparison: a stored contract, or a document."""

    field: str
    dataset: str = ""
    """Empty for a document."""
    number: int | None = None
    """None means the newest."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """Somebody who reads or feeds a column."""

    user: str
    detail: str
    user_column: str = ""
    dataset_version: str = ""
    aliases: tuple[str, ...] = ()
    column_is_known: bool = True


class Contracts:
    """Answers questions about contracts; nothing here changes anything."""

    def __init__(self, db: Database, tables: Path) -> None:
        """`tables` is the folder of the Delta tables."""
        self._db, self._tables = db, tables

    @staticmethod
    def get(conn: Connection, dataset_id: str, number: int | None) -> ContractVersion:
        """One contract of a dataset, the newest for None; number 0 is its kind's default. Raises NotFound."""
        dataset = catalog.get_dataset(conn, dataset_id)
        if number is None:
            found = contracts.newest_contract(conn, dataset_id)
            return found or _default(dataset)
        return _default(dataset) if number == 0 else contracts.get_contract(conn, dataset_id, number)

    @staticmethod
    def listed(conn: Connection, dataset_id: str, before: int | None, limit: int) -> list[ContractVersion]:
        """Up to `limit` contracts below `before` (None = from the newest), newest first, the default one last."""
        dataset = catalog.get_dataset(conn, dataset_id)
        found = contracts.list_contracts(conn, dataset_id, before, limit)
        if len(found) < limit and before != 0:
            found.append(_default(dataset))
        return found

    async def suggest(self, version: Version, others: Sequence[Version]) -> "Suggestion":
        """Infer a contract from a version; columns may refer to `others`. Raises FailedPrecondition, DataLoss."""
        if not check_whole(version).row_count:
            raise FailedPrecondition(
                f"{version.name} holds no rows to learn from.",
                reason="VERSION_EMPTY",
                next_step="Import a file and run governance.",
                facts={"dataset_version": version.name},
            )
        for other in others:
            check_whole(other)
        await asyncio.to_thread(import_module, "aisle_governance.engines.suggesting")
        from aisle_governance.engines import suggesting

        def work() -> "Suggestion":
            table = suggesting.read_table(self._files(version), version.kind)
            known = {}
            for other in others:
                read = suggesting.read_table(self._files(other), other.kind)
                known[other.dataset] = {name: read[name] for name in read.column_names if name.endswith("_id")}
            return suggesting.suggest(version.dataset, version.kind, table, version.create_time.timestamp(), known)

        with span(telemetry.SPAN_SUGGEST_CONTRACT, **{telemetry.ATTR_DATASET: version.dataset}):
            return await asyncio.to_thread(work)

    async def shapes(self, version: Version) -> "list[Shape]":
        """The shapes of a version's columns. Raises FailedPrecondition, DataLoss."""
        check_whole(version)
        await asyncio.to_thread(import_module, "aisle_governance.engines.shapes")
        from aisle_governance.engines import shapes

        with span(telemetry.SPAN_SHAPES, **{telemetry.ATTR_DATASET: version.dataset}):
            return await asyncio.to_thread(lambda: shapes.shapes(version.kind, self._files(version)))

    def _files(self, version: Version) -> list[Path]:
        from aisle_governance.engines import tables

        return tables.verified_files(self._tables / version.folder, version.files)

    async def diff(self, base: Source, target: Source) -> "list[tuple[Change, list[Use]]]":
        """Changes from one contract to another with the users of their columns. Raises InvalidField, NotFound."""
        names = {source.dataset for source in (base, target) if source.dataset}
        if len(names) != 1:
            problem = (
                "names no stored contract, and neither does the other side" if not names else "is about another dataset"
            )
            raise InvalidField(
                "target.contract", problem, next_step="Name a contract as datasets/{dataset}/contracts/{number}."
            )
        (dataset_id,) = names
        await asyncio.to_thread(import_module, "aisle_governance.engines.odcs")
        from aisle_governance.domain.contract_diff import diff_contracts

        def texts(conn: Connection) -> tuple[Dataset, list[str]]:
            sides = [
                self.get(conn, dataset_id, source.number).contract_yaml if source.dataset else source.text
                for source in (base, target)
            ]
            return catalog.get_dataset(conn, dataset_id), sides

        dataset, sides = await self._db.read(texts)
        old, new = [await asyncio.to_thread(parsed, side, dataset.kind) for side in sides]
        changes = diff_contracts(old, new)
        return await self._db.read(
            lambda conn: [(change, self.uses(conn, dataset, change.column)) for change in changes]
        )

    def uses(self, conn: Connection, dataset: Dataset, column: str) -> list[Use]:
        """Who feeds or reads a column; every user of the dataset for the empty column. Datasets come first."""
        found = [] if not column else [_source(dataset, column)]
        found += _referring(conn, dataset, column)
        for name in model_uses.labels_from(conn, dataset.id):
            found.append(Use(f"datasets/{name}", "its labels are built from these events"))
        for one in model_uses.uses_of(conn, dataset.id):
            if not column or one.columns is None or column in one.columns:
                found.append(_model_use(one))
        return found


def _default(dataset: Dataset) -> ContractVersion:
    from aisle_governance.engines.odcs import default_contract

    return ContractVersion(dataset.id, 0, default_contract(dataset.kind))


def _source(dataset: Dataset, column: str) -> Use:
    source = dataset.mapping.columns.get(column, column)
    return Use(f"datasets/{dataset.id}", f"fed by source column {source}", source)


def _referring(conn: Connection, dataset: Dataset, column: str) -> list[Use]:
    """Datasets whose contracts hold a foreign key to the column."""
    from aisle_governance.domain.context_checks import ReferenceCheck
    from aisle_governance.engines.odcs import ContractProblems

    found = []
    for other in _with_contracts(conn):
        try:
            checks = parsed(other.contract_yaml, other.kind).checks
        except ContractProblems:  # stored by an older release; its own runs tell
            continue
        for check in checks:
            if not isinstance(check, ReferenceCheck) or check.dataset != dataset.id:
                continue
            if column in ("", check.other_column):
                detail = f"its contract refers to {check.dataset}.{check.other_column}"
                found.append(Use(f"datasets/{other.id}", detail, check.column))
    return found


def _with_contracts(conn: Connection) -> list[Dataset]:
    return _all_datasets(conn, lambda dataset: bool(dataset.contract_yaml))


def _all_datasets(conn: Connection, wanted: Callable[[Dataset], bool]) -> list[Dataset]:
    found: list[Dataset] = []
    after = ""
    while page := catalog.list_datasets(conn, after, 500):
        found += [dataset for dataset in page if wanted(dataset)]
        after = page[-1].id
    return found


def _model_use(one: model_uses.ModelUse) -> Use:
    version = f"datasets/{one.dataset}/versions/{one.number}"
    tasks = ", ".join(task.lower().replace("_", " ") for task in one.tasks)
    detail = f"trained on {version}" + (f" for {tasks}" if tasks else "")
    if one.columns is None:
        detail += "; nobody has told which columns it read"
    return Use(one.model_version, detail, "", version, one.aliases, one.columns is not None)


def versions_of(conn: Connection, names: Sequence[tuple[str, int | None]]) -> list[Version]:
    """The named versions (None = the newest); every dataset's newest when none is named. Raises NotFound."""
    if names:
        return [find_version(conn, dataset, number) for dataset, number in names]
    datasets = _all_datasets(conn, lambda dataset: bool(dataset.latest_version))
    return [find_version(conn, dataset.id, None) for dataset in datasets]
