"""How a failure looks on the wire: a canonical code, a message for people and google.rpc details for programs."""

import re
from dataclasses import dataclass

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from aisle_runtime.convert import MASKED_MESSAGE, MASKED_NEXT_STEP
from aisle_runtime.errors import AisleError, Unavailable

DETAILS_KEY = "grpc-status-details-bin"
DEFAULT_RETRY_SECONDS = 1.0
_REASON = re.compile(r"[A-Z][A-Z0-9_]{1,61}[A-Z0-9]")
_LIMIT_TEXT, _LIMIT_FACT, _LIMIT_ENTRIES = 1024, 256, 16
_RETRYABLE = ("RESOURCE_EXHAUSTED", "UNAVAILABLE")
_PASSED_ON = ("INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "ABORTED", "DATA_LOSS")
_PEER_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)


@dataclass(frozen=True, slots=True)
class WireStatus:
    """What `ServicerContext.abort` is given."""

    code: grpc.StatusCode
    message: str
    details: bytes
    """A serialized google.rpc.Status, the value of `grpc-status-details-bin`."""

    @property
    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """The details as trailing metadata."""
        return ((DETAILS_KEY, self.details),)


class MaskedError(AisleError):
    """Stands for an unexpected exception whose text must not leave the process."""

    kind, reason = "INTERNAL", "INTERNAL"

    def __init__(self) -> None:
        super().__init__(MASKED_MESSAGE, next_step=MASKED_NEXT_STEP)


def public_error(error: BaseException) -> AisleError:
    """Return what a caller may know: expected errors as they are, a peer's failure in our words, else a masked one."""
    if isinstance(error, MemoryError):
        return Unavailable("The service is out of memory for this request.", reason="OUT_OF_MEMORY")
    if isinstance(error, grpc.RpcError):
        return _from_peer(error)
    if not isinstance(error, AisleError) or error.kind in ("INTERNAL", "UNKNOWN"):
        return MaskedError()
    return error


def wire_status(error: AisleError, service: str, trace_id: str = "") -> WireStatus:
    """Translate `error` of `service`.

    The details always hold an ErrorInfo and stay small enough for trailing metadata.
    """
    code = getattr(grpc.StatusCode, error.kind)
    message = _cut(error.message, _LIMIT_TEXT)
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in _details(error, service, trace_id):
        status.details.add().Pack(detail)
    return WireStatus(code, message, status.SerializeToString())


def _details(error: AisleError, service: str, trace_id: str) -> list[Message]:
    reason = error.reason if _REASON.fullmatch(error.reason) else error.kind
    facts = dict(list(error.facts.items())[:_LIMIT_ENTRIES])
    if trace_id:
        facts["trace_id"] = trace_id
    found: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=reason,
            domain=f"{service}.aisle",
            metadata={key: _cut(str(value), _LIMIT_FACT) for key, value in facts.items()},
        )
    ]
    if error.kind == "INVALID_ARGUMENT":
        found.append(_bad_request(error))
    if error.kind == "FAILED_PRECONDITION":
        found.append(_precondition(error, reason))
    if error.kind in _RETRYABLE or error.retry_after_seconds is not None:
        delay = DEFAULT_RETRY_SECONDS if error.retry_after_seconds is None else error.retry_after_seconds
        duration = Duration()
        duration.FromMilliseconds(round(max(delay, 0.0) * 1000))
        found.append(error_details_pb2.RetryInfo(retry_delay=duration))
    if error.next_step:
        link = error_details_pb2.Help.Link(description=_cut(error.next_step, _LIMIT_TEXT))
        found.append(error_details_pb2.Help(links=[link]))
    return found


def _bad_request(error: AisleError) -> Message:
    given = [(v.field, v.description) for v in error.violations[:_LIMIT_ENTRIES]]
    bad: Message = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=_cut(name, _LIMIT_FACT), description=_cut(why, _LIMIT_FACT)
            )
            for name, why in given or [(error.facts.get("field", ""), error.message)]
        ]
    )
    return bad


def _precondition(error: AisleError, reason: str) -> Message:
    subject = error.violations[0].field if error.violations else error.facts.get("subject", error.facts.get("name", ""))
    violation = error_details_pb2.PreconditionFailure.Violation(
        type=reason, subject=_cut(subject, _LIMIT_FACT), description=_cut(error.message, _LIMIT_FACT)
    )
    failure: Message = error_details_pb2.PreconditionFailure(violations=[violation])
    return failure


def _from_peer(error: grpc.RpcError) -> AisleError:
    """Translate the failure of a call to another service; what that service said on purpose is passed on."""
    from aisle_runtime.client import error_details

    details = error_details(error)
    if details.code in _PEER_AWAY:
        return Unavailable(
            "A service that this one needs does not answer now.",
            reason="PEER_UNAVAILABLE",
            retry_after_seconds=details.retry_after_seconds or DEFAULT_RETRY_SECONDS,
        )
    if details.reason and details.code.name in _PASSED_ON:
        return _kind_of(details.code.name)(
            details.message,
            next_step=details.next_step,
            facts=details.facts,
            violations=details.violations,
            reason=details.reason,
        )
    return MaskedError()


def _kind_of(name: str) -> type[AisleError]:
    from aisle_runtime import errors

    found = {cls.kind: cls for cls in AisleError.__subclasses__() if cls.__module__ == errors.__name__}
    return found[name]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
