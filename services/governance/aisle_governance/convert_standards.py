"""Standards and privacy policies between the contract's messages and the domain's records; a part of `convert`."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from aisle.governance.v1 import dataset_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2

from aisle_governance.domain.pii import PiiPolicy
from aisle_governance.domain.standardisation import ChineseScript, InvalidGtin, MeasureSystem, MissingRate, Standards
from aisle_governance.domain.standards.money import Rate
from aisle_governance.errors import InvalidField

E = TypeVar("E", bound=StrEnum)


def _member(enum: Any, value: int, prefix: str, members: type[E], unspecified: E | None, field: str) -> E:
    """The domain's member for an enum value. Raises InvalidField for one that is unknown, or unspecified without a meaning."""
    names = {number: name for name, number in enum.items()}
    short = names.get(value, "").removeprefix(prefix)
    if value == 0 and unspecified is not None:
        return unspecified
    if short not in members.__members__:
        raise InvalidField(
            field, "is no choice that this release knows", next_step=f"Use one of {', '.join(filter(None, members))}."
        )
    return members[short]


def standards(message: dataset_pb2.Standards) -> Standards:
    """The standards as they were asked for; their values are checked with the mapping. Raises InvalidField for an enum."""
    path = "mapping.standards"
    return Standards(
        decimal_separator=message.decimal_separator,
        measure_system=_member(
            dataset_pb2.MeasureSystem,
            message.measure_system,
            "MEASURE_SYSTEM_",
            MeasureSystem,
            MeasureSystem.US,
            f"{path}.measure_system",
        ),
        chinese_script=_member(
            dataset_pb2.ChineseScript,
            message.chinese_script,
            "CHINESE_SCRIPT_",
            ChineseScript,
            ChineseScript.AS_IT_IS,
            f"{path}.chinese_script",
        ),
        target_currency=message.target_currency,
        currency_rates=rates(message.currency_rates),
        price_date=message.price_date,
        missing_rate=_member(
            dataset_pb2.MissingRateAction,
            message.missing_rate_action,
            "MISSING_RATE_ACTION_",
            MissingRate,
            MissingRate.KEEP,
            f"{path}.missing_rate_action",
        ),
        taxonomy=tuple(message.taxonomy),
        category_aliases=dict(message.category_aliases),
        invalid_gtin=_member(
            dataset_pb2.InvalidGtinAction,
            message.invalid_gtin_action,
            "INVALID_GTIN_ACTION_",
            InvalidGtin,
            InvalidGtin.CLEAR,
            f"{path}.invalid_gtin_action",
        ),
    )


def standards_message(value: Standards) -> dataset_pb2.Standards | None:
    """The standards as the contract shows them; None for the defaults."""
    if value == Standards():
        return None
    return dataset_pb2.Standards(
        decimal_separator=value.decimal_separator,
        measure_system=f"MEASURE_SYSTEM_{value.measure_system}",
        chinese_script=f"CHINESE_SCRIPT_{value.chinese_script or 'UNSPECIFIED'}",
        target_currency=value.target_currency,
        currency_rates=rate_messages(value.currency_rates),
        price_date=value.price_date,
        missing_rate_action=f"MISSING_RATE_ACTION_{value.missing_rate}",
        taxonomy=value.taxonomy,
        category_aliases=value.category_aliases,
        invalid_gtin_action=f"INVALID_GTIN_ACTION_{value.invalid_gtin}",
    )


def rates(messages: Iterable[pipeline_spec_pb2.CurrencyRate]) -> tuple[Rate, ...]:
    """Rates in their order."""
    return tuple(Rate(message.currency, message.date, message.rate) for message in messages)


def rate_messages(values: Iterable[Rate]) -> list[pipeline_spec_pb2.CurrencyRate]:
    """Rates as the contract shows them."""
    return [pipeline_spec_pb2.CurrencyRate(currency=r.currency, date=r.date, rate=r.rate) for r in values]


def pii_policies(message: Mapping[str, int]) -> dict[str, PiiPolicy]:
    """Policy by column. Raises InvalidField for UNSPECIFIED and unknown ones."""
    return {
        column: _member(
            dataset_pb2.PiiPolicy, value, "PII_POLICY_", PiiPolicy, None, f"mapping.pii_policies[{column[:64]!r}]"
        )
        for column, value in message.items()
    }


def pii_policies_message(value: Mapping[str, PiiPolicy]) -> dict[str, Any]:
    """Policies as the contract shows them."""
    return {column: dataset_pb2.PiiPolicy.Value(f"PII_POLICY_{policy}") for column, policy in value.items()}
