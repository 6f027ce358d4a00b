"""Serving configs and what requests ask of them: contracts to rules and back."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle.ranker.v1 import serving_config_pb2 as config_pb
from aisle.type.v1 import context_pb2
from aisle_runtime.names import ResourceName, resource_id

from aisle_ranker.domain.conditions import (
    PRODUCT_ID,
    REQUEST_FIELDS,
    TIME,
    TITLE,
    Fact,
    attribute,
    parse_condition,
)
from aisle_ranker.domain.exploration import LEAST_TEMPERATURE, MOST_DRAWN
from aisle_ranker.domain.placement import (
    BOOST,
    BURY,
    CAP,
    DPP,
    EPSILON,
    EXCLUDE,
    KEEP_ONLY,
    LARGEST_BOOST,
    LAST_POSITION,
    MMR,
    MOST_BOOSTS,
    MOST_RULES,
    PIN,
    PLACKETT_LUCE,
    Boost,
    Diversity,
    Exploration,
    Placement,
    Rule,
    Selector,
    checked_amount,
    checked_share,
    checked_whole,
)
from aisle_ranker.errors import InvalidField

if TYPE_CHECKING:
    from datetime import datetime

NAME = ResourceName("servingConfigs/{serving_config}")
LONGEST_DESCRIPTION, DEFAULT_WINDOW = 1000, 50
MOST_ATTRIBUTES, LONGEST_VALUE = 20, 256
_METHODS = {config_pb.DIVERSITY_METHOD_UNSPECIFIED: MMR, config_pb.DIVERSITY_METHOD_MMR: MMR}
_METHODS[config_pb.DIVERSITY_METHOD_DPP] = DPP


def config_id(name: str, field: str = "name") -> str:
    """Return the id in `servingConfigs/{id}`; raises InvalidField."""
    return NAME.parse(name, field)["serving_config"]


def placement(message: config_pb.ServingConfig) -> Placement:
    """Read a config; raises InvalidField naming the first field that does not fit."""
    path = "serving_config"
    if len(message.description) > LONGEST_DESCRIPTION:
        raise InvalidField(f"{path}.description", f"must have at most {LONGEST_DESCRIPTION:,} characters")
    if len(message.rules) > MOST_RULES:
        raise InvalidField(f"{path}.rules", f"must hold at most {MOST_RULES} rules")
    rules: list[Rule] = []
    for index, entry in enumerate(message.rules):
        rule = _rule(entry, f"{path}.rules[{index}]")
        if any(rule.id == other.id for other in rules):
            raise InvalidField(f"{path}.rules[{index}].id", "was named before", next_step="Name each rule once.")
        rules.append(rule)
    return Placement(
        name=message.name.rpartition("/")[2],
        version=message.version,
        rules=tuple(rules),
        diversity=_diversity(message.diversity, f"{path}.diversity") if message.HasField("diversity") else None,
        exploration=_exploration(message.exploration, f"{path}.exploration")
        if message.HasField("exploration")
        else None,
    )


def _rule(message: config_pb.BusinessRule, path: str) -> Rule:
    rule_id = resource_id(message.id, f"{path}.id")
    when = parse_condition(message.when, f"{path}.when", REQUEST_FIELDS)
    action = message.WhichOneof("action")
    if action is None:
        raise InvalidField(f"{path}.action", "is required", next_step="Say what is done with the products.")
    if not message.products.strip() and action != "exposure_cap":
        raise InvalidField(f"{path}.products", "is required", next_step='For example title : "lamp".')
    if message.products.strip() and action == "exposure_cap":
        raise InvalidField(f"{path}.products", "must be empty: a cap counts all products")
    products = Selector(parse_condition(message.products, f"{path}.products"))
    at = f"{path}.{action}"
    if action == "boost":
        return Rule(rule_id, BOOST, when, products, amount=checked_amount(message.boost, at))
    if action == "bury":
        return Rule(rule_id, BURY, when, products, amount=-checked_amount(message.bury, at))
    if action == "pin_position":
        position = checked_whole(message.pin_position, at, 1, LAST_POSITION)
        return Rule(rule_id, PIN, when, products, position=position)
    if action == "exposure_cap":
        cap = message.exposure_cap
        name = attribute(cap.attribute, f"{at}.attribute")
        if name in (PRODUCT_ID, TITLE):
            raise InvalidField(f"{at}.attribute", "must be an attribute such as brand or seller")
        return Rule(
            rule_id,
            CAP,
            when,
            products,
            attribute=name,
            most=checked_whole(cap.max_count, f"{at}.max_count", 1, LAST_POSITION),
            window=checked_whole(cap.window, f"{at}.window", 2, LAST_POSITION),
        )
    return Rule(rule_id, EXCLUDE if action == "exclude" else KEEP_ONLY, when, products)


def _diversity(message: config_pb.Diversity, path: str) -> Diversity:
    method = _METHODS.get(message.method)
    if method is None:
        raise InvalidField(f"{path}.method", "is not known")
    strength = checked_share(message.strength, f"{path}.strength", zero=True)
    return Diversity(
        method, strength, checked_whole(message.window or DEFAULT_WINDOW, f"{path}.window", 2, LAST_POSITION)
    )


def _exploration(message: config_pb.Exploration, path: str) -> Exploration:
    kind = message.WhichOneof("kind")
    if kind == "epsilon_slot":
        slot, at = message.epsilon_slot, f"{path}.epsilon_slot"
        return Exploration(
            EPSILON,
            checked_whole(slot.position, f"{at}.position", 1, LAST_POSITION),
            checked_whole(slot.window, f"{at}.window", 2, LAST_POSITION),
            epsilon=checked_share(slot.epsilon, f"{at}.epsilon", zero=False),
        )
    if kind == "plackett_luce":
        luce, at = message.plackett_luce, f"{path}.plackett_luce"
        # Below that the weights of a window leave the range of a float.
        if not LEAST_TEMPERATURE <= luce.temperature <= 100:
            raise InvalidField(f"{at}.temperature", f"must be from {LEAST_TEMPERATURE} to 100")
        return Exploration(
            PLACKETT_LUCE,
            checked_whole(luce.position, f"{at}.position", 1, LAST_POSITION),
            checked_whole(luce.window, f"{at}.window", 2, MOST_DRAWN),
            temperature=luce.temperature,
        )
    raise InvalidField(f"{path}.kind", "is required", next_step="Set epsilon_slot or plackett_luce.")


def boosts(messages: Sequence[config_pb.ProductBoost]) -> tuple[list[Boost], list[tuple[str, str]]]:
    """Read the boosts of a request; returns them and (field, problem) of conditions that don't parse.

    Raises InvalidField for too many or for an amount out of range.
    """
    if len(messages) > MOST_BOOSTS:
        raise InvalidField("boosts", f"must hold at most {MOST_BOOSTS} boosts")
    read: list[Boost] = []
    invalid: list[tuple[str, str]] = []
    for index, message in enumerate(messages):
        source, amount = f"boosts[{index}]", message.boost
        if not (amount and abs(amount) <= LARGEST_BOOST):
            bound = f"{LARGEST_BOOST:,.0f}"
            raise InvalidField(f"{source}.boost", f"must be from -{bound} to {bound} and not 0")
        try:
            if not message.products.strip():
                raise InvalidField(f"{source}.products", "is required")
            read.append(Boost(source, Selector(parse_condition(message.products, f"{source}.products")), amount))
        except InvalidField as error:
            invalid.append((error.field, error.violations[0].description))
    return read, invalid


def facts(surface: str, query: str, shopper: context_pb2.ShopperContext, now: "datetime") -> dict[str, Fact]:
    """Return what the conditions of rules may ask of a request."""
    given: dict[str, Fact] = {"surface": surface, TIME: now.timestamp(), "hour": float(now.hour)}
    texts = {"query": query, "page": shopper.page, "device": shopper.device, "locale": shopper.locale}
    return given | {name: text for name, text in texts.items() if text}


def attributes(candidates: Sequence[pb.Candidate]) -> dict[str, Mapping[str, str]]:
    """Return what the caller says of its candidates; raises InvalidField."""
    found: dict[str, Mapping[str, str]] = {}
    for index, candidate in enumerate(candidates):
        if not candidate.attributes:
            continue
        path = f"candidates[{index}].attributes"
        if len(candidate.attributes) > MOST_ATTRIBUTES:
            raise InvalidField(path, f"must hold at most {MOST_ATTRIBUTES} attributes")
        for name, value in candidate.attributes.items():
            attribute(name, f"{path}[{name[:63]!r}]")
            if len(value) > LONGEST_VALUE:
                raise InvalidField(f"{path}[{name!r}]", f"must have at most {LONGEST_VALUE} characters")
        found[candidate.product_id] = dict(candidate.attributes)
    return found
