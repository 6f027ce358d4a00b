"""Names of models, versions and aliases as callers write them."""

from dataclasses import dataclass

from aisle_runtime.errors import InvalidField
from aisle_runtime.names import ResourceName, resource_id

_MODEL = ResourceName("models/{model}")
_VERSION = ResourceName("models/{model}/versions/{version}")
_JOB = ResourceName("trainingJobs/{job}")
_LAST_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class VersionRef:
    """Points at a version by its number, or by an alias (then `number` is 0)."""

    model: str
    number: int
    alias: str = ""


def model_id(value: str, field: str) -> str:
    """Return the id inside `models/{model}`; raises InvalidField."""
    return _MODEL.parse(value, field)["model"]


def alias_id(value: str, field: str) -> str:
    """Return a legal alias as it is; raises InvalidField."""
    return resource_id(value, field)


def training_job(value: str, field: str) -> str:
    """Return a legal `trainingJobs/{job}`, or "" as it is; raises InvalidField."""
    if value:
        _JOB.parse(value, field)
    return value


def version_ref(value: str, field: str) -> VersionRef:
    """Parse `models/{model}/versions/{version}`; raises InvalidField."""
    ids = _VERSION.parse(value, field)
    number = ids["version"]
    if not (number.isascii() and number.isdigit() and number[0] != "0" and int(number) <= _LAST_NUMBER):
        raise InvalidField(field, "versions are numbers that count up from 1", next_step=f"Use {_VERSION.pattern}.")
    return VersionRef(ids["model"], int(number))


def version_or_alias(value: str, field: str) -> VersionRef:
    """Parse `models/{model}/versions/{version}` or `models/{model}@{alias}`; raises InvalidField."""
    model, at, alias = value.partition("@")
    if not at:
        return version_ref(value, field)
    return VersionRef(model_id(model, field), 0, alias_id(alias, field))
