"""Contracts of datasets through time; every function runs inside the caller's transaction."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from aisle_governance.errors import NotFound
from aisle_governance.storage.tables import contract_versions


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """A document that was a dataset's contract."""

    dataset: str
    number: int
    """From 1; 0 is the default contract of the dataset's kind."""
    contract_yaml: str
    create_time: float = 0.0


def add_contract(conn: Connection, dataset: str, contract_yaml: str, now: float) -> int:
    """Store a contract under the next number, unless it is the newest one already; returns its number."""
    newest = newest_contract(conn, dataset)
    if newest is not None and newest.contract_yaml == contract_yaml:
        return newest.number
    number = 1 if newest is None else newest.number + 1
    values = {"dataset": dataset, "number": number, "contract_yaml": contract_yaml, "create_time": now}
    conn.execute(insert(contract_versions).values(values))
    return number


def newest_contract(conn: Connection, dataset: str) -> ContractVersion | None:
    """The newest contract of a dataset, or None when it has its kind's default."""
    newest = select(func.max(contract_versions.c.number)).where(contract_versions.c.dataset == dataset)
    number = conn.execute(newest).scalar_one_or_none()
    return None if number is None else get_contract(conn, dataset, number)


def get_contract(conn: Connection, dataset: str, number: int) -> ContractVersion:
    """One contract. Raises NotFound."""
    mine = (contract_versions.c.dataset == dataset) & (contract_versions.c.number == number)
    row = conn.execute(select(contract_versions).where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"Dataset {dataset!r} has no such contract.", reason="CONTRACT_NOT_FOUND")
    return ContractVersion(row.dataset, row.number, row.contract_yaml, row.create_time)


def list_contracts(conn: Connection, dataset: str, before: int | None, limit: int) -> list[ContractVersion]:
    """Up to `limit` contracts below `before` (None = from the newest), newest first."""
    query = select(contract_versions).where(contract_versions.c.dataset == dataset)
    query = query.order_by(contract_versions.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(contract_versions.c.number < before)
    return [ContractVersion(row.dataset, row.number, row.contract_yaml, row.create_time) for row in conn.execute(query)]
