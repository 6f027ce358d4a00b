"""Reads contracts off the shelf: what their checks are, and at what else they look."""

from functools import lru_cache
from typing import TYPE_CHECKING

from aisle_governance.domain.kinds import DatasetKind

if TYPE_CHECKING:
    from aisle_governance.domain.contract import Contract

_PARSED = 256


@lru_cache(maxsize=_PARSED)
def parsed(text: str, kind: DatasetKind) -> "Contract":
    """A document's checks; the same text is read once. Raises ContractProblems."""
    from aisle_governance.engines import odcs

    return odcs.parse_contract(text or odcs.default_contract(kind), kind)


def referred(contract: "Contract") -> set[str]:
    """Ids of the datasets that a contract refers to."""
    from aisle_governance.domain.context_checks import ReferenceCheck

    return {check.dataset for check in contract.checks if isinstance(check, ReferenceCheck)}


def references(contract: "Contract") -> set[int | None]:
    """Numbers of the versions that a contract compares with; None is the newest one before."""
    from aisle_governance.domain.context_checks import DistributionCheck

    return {check.reference for check in contract.checks if isinstance(check, DistributionCheck)}
