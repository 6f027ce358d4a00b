import grpc
import grpc.aio
import pytest
from aisle_runtime.client import error_details
from aisle_runtime.convert import failure_from_error
from aisle_runtime.errors import AisleError, FailedPrecondition, InvalidField, NotFound, ResourceExhausted, Unavailable
from aisle_runtime.status import DETAILS_KEY, public_error, wire_status
from google.rpc import error_details_pb2, status_pb2


def unpacked(error: AisleError) -> dict[str, object]:
    found: dict[str, object] = {}
    for detail in status_pb2.Status.FromString(wire_status(error, "trainer", "ab" * 16).details).details:
        kind = getattr(error_details_pb2, detail.type_url.rpartition(".")[2])
        detail.Unpack(message := kind())
        found[kind.DESCRIPTOR.name] = message
    return found


def rpc_error(error: AisleError, service: str = "governance") -> grpc.aio.AioRpcError:
    status = wire_status(error, service)
    metadata = grpc.aio.Metadata((DETAILS_KEY, status.details))
    return grpc.aio.AioRpcError(status.code, trailing_metadata=metadata, details=status.message)


def test_every_status_names_reason_domain_and_trace() -> None:
    info = unpacked(NotFound("No such job.", reason="JOB_NOT_FOUND", facts={"name": "x"}))["ErrorInfo"]
    assert (info.reason, info.domain) == ("JOB_NOT_FOUND", "trainer.aisle")  # type: ignore[attr-defined]
    assert dict(info.metadata) == {"name": "x", "trace_id": "ab" * 16}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (InvalidField("a.b", "is bad"), "BadRequest"),
        (FailedPrecondition("Not now."), "PreconditionFailure"),
        (ResourceExhausted("Full."), "RetryInfo"),
        (Unavailable("Away."), "RetryInfo"),
        (NotFound("No.", next_step="Look."), "Help"),
    ],
)
def test_kinds_bring_the_details_of_the_contract(error: AisleError, detail: str) -> None:
    assert {"ErrorInfo", detail} <= set(unpacked(error))


def test_what_is_written_is_what_a_client_reads() -> None:
    told = error_details(
        rpc_error(InvalidField("spec.x", "is negative", next_step="Use 0 or more.", reason="X_NEGATIVE"))
    )
    assert (told.code, told.reason, told.next_step) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "X_NEGATIVE",
        "Use 0 or more.",
    )
    assert told.violations[0].field == "spec.x" and told.domain == "governance.aisle"
    assert error_details(rpc_error(Unavailable("Away.", retry_after_seconds=2.5))).retry_after_seconds == 2.5


def test_foreign_failures_still_have_a_code_and_a_message() -> None:
    told = error_details(grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, details="connection refused"))
    assert (told.code, told.reason, told.message) == (grpc.StatusCode.UNAVAILABLE, "", "connection refused")
    garbage = grpc.aio.AioRpcError(
        grpc.StatusCode.INTERNAL, trailing_metadata=grpc.aio.Metadata((DETAILS_KEY, b"\xff\xff"))
    )
    assert error_details(garbage).reason == ""


@pytest.mark.parametrize("error", [ValueError("secret"), AisleError("secret"), KeyError("secret"), OSError("secret")])
def test_unexpected_errors_are_masked_everywhere(error: Exception) -> None:
    status = wire_status(public_error(error), "trainer")
    assert status.code is grpc.StatusCode.INTERNAL
    assert "secret" not in status.message and b"secret" not in status.details
    failure = failure_from_error(error)
    assert failure.reason == "INTERNAL" and "secret" not in str(failure)


def test_a_peers_words_are_passed_on_and_its_absence_is_unavailable() -> None:
    passed = public_error(rpc_error(NotFound("No such dataset.", reason="DATASET_NOT_FOUND")))
    assert isinstance(passed, NotFound) and passed.reason == "DATASET_NOT_FOUND"
    for code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        assert public_error(grpc.aio.AioRpcError(code)).reason == "PEER_UNAVAILABLE"
    assert public_error(grpc.aio.AioRpcError(grpc.StatusCode.UNKNOWN, details="secret")).kind == "INTERNAL"


def test_details_stay_small_and_reasons_legal() -> None:
    huge = InvalidField("f" * 5000, "x" * 50_000, facts={f"k{n}": "v" * 1000 for n in range(100)}, reason="not legal")
    status = wire_status(huge, "trainer")
    assert len(status.details) < 8000
    assert error_details(rpc_error(huge)).reason == "INVALID_ARGUMENT"
