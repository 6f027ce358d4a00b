"""What a command ends with when it did not work: an exit code, one line of what, one line of what to do."""

import json
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import grpc
    from aisle.type.v1 import failure_pb2
    from aisle_runtime.client import ErrorDetails

EXIT_OK = 0
EXIT_FAILED = 1
"""The work itself failed, or the client has a bug."""
EXIT_USAGE = 2
"""The command line or the request does not fit."""
EXIT_PRECONDITION = 3
"""The state of the system does not allow it, for example because it is running or exists already."""
EXIT_NOT_FOUND = 4
EXIT_UNAVAILABLE = 5
"""A service cannot be reached, is overloaded or did not answer in time."""
EXIT_REJECTED = 6
"""The gates refused a model; nothing is broken."""
EXIT_INTERRUPTED = 130

_CODES = {
    "INVALID_ARGUMENT": EXIT_USAGE,
    "OUT_OF_RANGE": EXIT_USAGE,
    "FAILED_PRECONDITION": EXIT_PRECONDITION,
    "ALREADY_EXISTS": EXIT_PRECONDITION,
    "ABORTED": EXIT_PRECONDITION,
    "NOT_FOUND": EXIT_NOT_FOUND,
    "UNAVAILABLE": EXIT_UNAVAILABLE,
    "DEADLINE_EXCEEDED": EXIT_UNAVAILABLE,
    "RESOURCE_EXHAUSTED": EXIT_UNAVAILABLE,
}
_GATE_REASONS = frozenset({"GATE_NOT_PASSED"})


class CommandFailed(Exception):
    """Ends a command; printed as one or two lines, or as JSON."""

    def __init__(self, message: str, next_step: str = "", *, exit_code: int = EXIT_FAILED, **facts: Any) -> None:
        """Keep what is wrong, what to do, the exit code, and facts for the JSON form."""
        super().__init__(message)
        self.next_step, self.exit_code, self.facts = next_step, exit_code, facts

    def as_json(self, trace_id: str) -> str:
        """Return the failure as one line of JSON."""
        error = {"message": str(self), "next_step": self.next_step, "exit_code": self.exit_code, **self.facts}
        return json.dumps({"trace_id": trace_id, "error": error})


def usage(message: str, next_step: str = "") -> NoReturn:
    """End the command because its options do not fit."""
    raise CommandFailed(message, next_step, exit_code=EXIT_USAGE)


def from_rpc(error: "grpc.RpcError", addresses: dict[str, str]) -> CommandFailed:
    """Turn a failed call into what the caller should read; `addresses` are those of the services that were used."""
    from aisle_runtime.client import error_details

    details = error_details(error)
    code = EXIT_REJECTED if details.reason in _GATE_REASONS else _CODES.get(details.code.name, EXIT_FAILED)
    facts = {
        "code": details.code.name,
        "reason": details.reason,
        "service": details.domain.removesuffix(".aisle"),
        "violations": [{"field": v.field, "description": v.description} for v in details.violations],
        "facts": details.facts,
    }
    message, next_step = _words(details, addresses)
    return CommandFailed(message, next_step, exit_code=code, **facts)


def from_failure(what: str, failure: "failure_pb2.Failure") -> CommandFailed:
    """Turn the stored failure of a job or run into what the caller should read."""
    facts = dict(failure.facts)
    place = ", ".join(f"{name} {facts[name]}" for name in ("file", "line", "row", "column") if facts.get(name))
    message = f"{what} failed: {failure.message or failure.reason or 'the service gave no reason'}"
    if place and not all(facts[name] in failure.message for name in ("file", "row", "column") if facts.get(name)):
        message += f" ({place})"
    return CommandFailed(message, failure.next_step, reason=failure.reason, facts=facts)


def _words(details: "ErrorDetails", addresses: dict[str, str]) -> tuple[str, str]:
    message, next_step = details.message, details.next_step
    if not details.reason and details.code.name == "UNAVAILABLE":
        where = ", ".join(f"{name} at {address}" for name, address in addresses.items())
        service = next(iter(addresses), "service")
        return (
            f"Cannot reach {where or 'the service'}.",
            f"Start Aisle with `aisle up`, or name the address: --address {service}=HOST:PORT.",
        )
    if not details.reason and details.code.name == "DEADLINE_EXCEEDED":
        return f"No answer in time from {', '.join(addresses)}.", next_step or "Repeat the command; see `aisle status`."
    others = [f"{v.field}: {v.description}" for v in details.violations if v.description not in message]
    if others:
        message = f"{message.rstrip('.')}: {'; '.join(others)}"
    if not next_step and details.retry_after_seconds is not None:
        next_step = f"Repeat in {max(details.retry_after_seconds, 0.1):.1f} s."
    return message, next_step
