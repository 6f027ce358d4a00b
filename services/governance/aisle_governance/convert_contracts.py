"""The contract's messages about contracts, readiness and shapes, and the domain's records of the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aisle.governance.v1 import column_shape_pb2, contract_pb2
from aisle_runtime.convert import to_timestamp
from aisle_runtime.names import ResourceName

from aisle_governance import convert
from aisle_governance.contracting import Source, Use
from aisle_governance.domain.model import Version
from aisle_governance.domain.readiness import Readiness, Tier
from aisle_governance.errors import InvalidField
from aisle_governance.storage.contracts import ContractVersion

if TYPE_CHECKING:
    from aisle_governance.domain.contract_diff import Change
    from aisle_governance.engines.shapes import Shape
    from aisle_governance.engines.suggesting import Suggestion

CONTRACT = ResourceName("datasets/{dataset}/contracts/{contract}")
MAX_READY, MAX_REFERENCES = 50, 10
_MAX_NUMBER = 2**31 - 1


def contract_name(name: str, field: str) -> tuple[str, int | None]:
    """(dataset id, number) in `datasets/{dataset}/contracts/{number}`; None stands for `latest`. Raises InvalidField."""
    ids = CONTRACT.parse(name, field)
    number = ids["contract"]
    if number == convert.LATEST:
        return ids["dataset"], None
    if not number.isascii() or not number.isdigit() or int(number) > _MAX_NUMBER:
        raise InvalidField(field, "names no contract", next_step="Use a number from 0, or `latest`.")
    return ids["dataset"], int(number)


def contract_message(value: ContractVersion, digest: str, *, whole: bool) -> contract_pb2.ContractVersion:
    """A contract, with its document when `whole`."""
    return contract_pb2.ContractVersion(
        name=f"datasets/{value.dataset}/contracts/{value.number}",
        contract_yaml=value.contract_yaml if whole else "",
        contract_hash=digest,
        create_time=to_timestamp(value.create_time) if value.number else None,
    )


def source(message: contract_pb2.ContractSource, field: str) -> Source:
    """One side of a comparison. Raises InvalidField."""
    match message.WhichOneof("source"):
        case "contract":
            path = f"{field}.contract"
            return Source(path, *contract_name(message.contract, path))
        case "contract_yaml":
            return Source(f"{field}.contract_yaml", text=message.contract_yaml)
        case _:
            raise InvalidField(field, "is required", next_step="Name a stored contract, or send a document.")


def reference_datasets(names: Sequence[str]) -> list[str]:
    """Ids of other datasets, each once. Raises InvalidField."""
    if len(names) > MAX_REFERENCES:
        raise InvalidField("reference_datasets", f"must hold at most {MAX_REFERENCES} datasets")
    found = [convert.dataset_id(name, f"reference_datasets[{index}]") for index, name in enumerate(names)]
    return list(dict.fromkeys(found))


def suggestion_message(version: Version, value: "Suggestion") -> contract_pb2.SuggestContractResponse:
    """A suggested contract."""
    return contract_pb2.SuggestContractResponse(
        dataset_version=version.name,
        contract_yaml=value.contract_yaml,
        checks=[
            contract_pb2.SuggestedCheck(
                check=one.check,
                column=one.column,
                severity=f"SEVERITY_{one.severity.value}",
                evidence=one.evidence,
                row_count=one.row_count,
                holding_ratio=one.holding_ratio,
            )
            for one in value.proposals
        ],
        left_out=value.left_out,
    )


def change_message(value: "Change", uses: Sequence[Use]) -> contract_pb2.ContractChange:
    """A change with those whom it concerns."""
    return contract_pb2.ContractChange(
        kind=f"CONTRACT_CHANGE_KIND_{value.kind.value}",
        column=value.column,
        check=value.check,
        description=value.description,
        before=value.before,
        after=value.after,
        uses=[
            contract_pb2.ColumnUse(
                user=one.user,
                detail=one.detail,
                user_column=one.user_column,
                dataset_version=one.dataset_version,
                aliases=one.aliases,
                column_is_known=one.column_is_known,
            )
            for one in uses
        ],
    )


def tiers(value: int) -> list[Tier]:
    """The tier that is asked for, or all. Raises InvalidField."""
    if value == contract_pb2.READINESS_TIER_UNSPECIFIED:
        return list(Tier)
    if value not in contract_pb2.ReadinessTier.values():
        raise InvalidField("tier", "is no tier of this release", next_step=f"Use one of {', '.join(Tier)}.")
    return [Tier(contract_pb2.ReadinessTier.Name(value).removeprefix("READINESS_TIER_").lower())]


def ready_datasets(names: Sequence[str]) -> list[tuple[str, int | None]]:
    """(dataset id, number or None) of `datasets/{dataset}` or of versions. Raises InvalidField."""
    if len(names) > MAX_READY:
        raise InvalidField("datasets", f"must hold at most {MAX_READY} datasets")
    found: list[tuple[str, int | None]] = []
    for index, name in enumerate(names):
        field = f"datasets[{index}]"
        found.append(
            convert.version_number(name, field) if name.count("/") == 3 else (convert.dataset_id(name, field), None)
        )
    return list(dict.fromkeys(found))


def readiness_message(value: Readiness) -> contract_pb2.TierReadiness:
    """Whether a tier can be trained."""
    return contract_pb2.TierReadiness(
        tier=f"READINESS_TIER_{value.tier.name}",
        ready=value.ready,
        requirements=[
            contract_pb2.ReadinessRequirement(
                requirement=one.name,
                description=one.description,
                dataset_version=one.dataset_version,
                observed_value=one.observed,
                threshold=one.threshold,
                passed=one.passed,
                next_step="" if one.passed else one.next_step,
            )
            for one in value.requirements
        ],
    )


def shape_message(value: "Shape") -> column_shape_pb2.ColumnShape:
    """The shape of a column."""
    estimate, lower, upper = value.sketch.distinct
    return column_shape_pb2.ColumnShape(
        column=value.column,
        value_count=value.sketch.values,
        missing_count=value.sketch.missing,
        distinct_count=estimate,
        distinct_count_lower=lower,
        distinct_count_upper=upper,
        quantiles=[
            column_shape_pb2.Quantile(rank_ratio=rank, value=number) for rank, number in value.sketch.quantiles()
        ],
        rank_error=value.sketch.rank_error,
        histogram=[
            column_shape_pb2.HistogramBin(low=low, high=high, value_ratio=share)
            for low, high, share in value.sketch.histogram()
        ],
        frequent_values=[
            column_shape_pb2.FrequentValue(value=text, count_lower=least, count_upper=most)
            for text, least, most in value.sketch.frequent()
        ],
        is_time=value.is_time,
    )
