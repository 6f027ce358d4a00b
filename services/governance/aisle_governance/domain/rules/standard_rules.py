"""Which rules of standardisation and privacy a kind has, with the parameters that its mapping gives them."""

import hashlib

from aisle_governance.domain.kinds import CANONICAL, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.pii import PiiPolicy
from aisle_governance.domain.rules.base import Rule
from aisle_governance.domain.rules.privacy import ProtectPii
from aisle_governance.domain.rules.standardise import (
    CheckGtins,
    DetectLanguage,
    MapCategories,
    StandardiseBrands,
    StandardiseColours,
    UnifyCharacters,
)
from aisle_governance.domain.rules.standardise_measures import ConvertPrices, ParseSizes, ReadPriceText


def protect_pii(kind: DatasetKind, mapping: ColumnMapping, key: bytes) -> ProtectPii:
    """The first rule of every chain; free text without a policy is searched and reported."""
    columns = [column.name for column in CANONICAL[kind] if column.free_text]
    policies = tuple((name, mapping.pii_policies.get(name, PiiPolicy.REPORT)) for name in columns)
    if PiiPolicy.HASH not in mapping.pii_policies.values():
        return ProtectPii(policies)
    return ProtectPii(policies, key, hashlib.sha256(b"aisle-pii-key-id\x00" + key).hexdigest()[:16])


def unify_characters(kind: DatasetKind, mapping: ColumnMapping) -> UnifyCharacters:
    """All free text of the kind."""
    columns = tuple(column.name for column in CANONICAL[kind] if column.free_text)
    return UnifyCharacters(columns, mapping.standards.chinese_script)


def read_price_text(mapping: ColumnMapping) -> ReadPriceText:
    """Prices written with their currency."""
    return ReadPriceText(mapping.standards.decimal_separator, mapping.default_currency)


def convert_prices(kind: DatasetKind, mapping: ColumnMapping) -> ConvertPrices:
    """Orders by the day of the order, products by the day of the mapping."""
    standards = mapping.standards
    is_order = kind is DatasetKind.ORDERS
    return ConvertPrices(
        column="unit_price" if is_order else "price",
        target=standards.target_currency,
        rates=standards.currency_rates,
        time_column="order_time" if is_order else "",
        day="" if is_order else standards.price_date,
        missing=standards.missing_rate,
    )


def product_rules(mapping: ColumnMapping) -> list[Rule]:
    """What happens to products once there is one row of each."""
    standards = mapping.standards
    return [
        convert_prices(DatasetKind.PRODUCTS, mapping),
        CheckGtins(standards.invalid_gtin),
        StandardiseBrands(),
        StandardiseColours(),
        ParseSizes(standards.decimal_separator, standards.measure_system),
        MapCategories(standards.taxonomy, tuple(sorted(standards.category_aliases.items()))),
        DetectLanguage(),
    ]
