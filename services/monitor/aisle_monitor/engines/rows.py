"""Rows of dataset versions, read from governance as an Arrow stream; blocking, for job processes."""

import io
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc
import pyarrow as pa
from aisle.governance.v1 import dataset_pb2, governance_service_pb2, governance_service_pb2_grpc
from aisle_runtime.client import error_details
from aisle_runtime.errors import AisleError, FailedPrecondition, NotFound, Unavailable

T = TypeVar("T")
ATTEMPTS = 8
LONGEST_PAUSE_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 120.0


class Rows:
    """Reads dataset versions; while governance is away it repeats for about twenty seconds."""

    def __init__(self, channel: grpc.Channel, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Read over `channel`; `cancelled` is asked before every repetition."""
        self._stub = governance_service_pb2_grpc.GovernanceServiceStub(channel)
        self._cancelled = cancelled

    def version(self, name: str) -> dataset_pb2.DatasetVersion:
        """Return a version; raises NotFound or Unavailable."""
        request = governance_service_pb2.GetDatasetVersionRequest(name=name)
        return self._repeat(lambda: self._stub.GetDatasetVersion(request, timeout=10).dataset_version)

    def read(self, version: str, columns: list[str], sample: int, added_since: str = "") -> pa.Table:
        """Return at most `sample` rows of `version`.

        With `added_since` only those that this other version does not hold.
        """
        request = governance_service_pb2.ReadRowsRequest(
            dataset_version=version, columns=columns, added_since_version=added_since, sample_row_count=sample
        )

        def attempt() -> pa.Table:
            pieces = self._stub.ReadRows(request, timeout=READ_TIMEOUT_SECONDS)
            with pa.ipc.open_stream(_Chunks(piece.arrow_ipc_chunk for piece in pieces)) as reader:
                return reader.read_all()

        return self._repeat(attempt)

    def _repeat(self, attempt: Callable[[], T]) -> T:
        pause = 0.2
        for _ in range(ATTEMPTS - 1):
            try:
                return attempt()
            except grpc.RpcError as error:
                if error_details(error).code is not grpc.StatusCode.UNAVAILABLE or self._cancelled():
                    raise _translated(error) from error
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        try:
            return attempt()
        except grpc.RpcError as error:
            raise _translated(error) from error


class _Chunks(io.RawIOBase):
    """A readable file over an iterator of byte strings."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = piece
        taken = self._rest[: len(buffer)]
        self._rest = self._rest[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _translated(error: grpc.RpcError) -> AisleError:
    """Turn governance's refusal into one that the job may report."""
    details = error_details(error)
    if details.code is grpc.StatusCode.NOT_FOUND:
        return NotFound(
            details.message, reason=details.reason or "DATASET_VERSION_NOT_FOUND", next_step=details.next_step
        )
    if details.code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable("Governance could not be reached.", reason="GOVERNANCE_UNAVAILABLE", retry_after_seconds=5)
    return FailedPrecondition(
        "Governance did not hand out the rows.",
        reason="ROWS_NOT_READABLE",
        next_step="Look at the version in governance.",
        facts={"code": details.code.name, "reason": details.reason},
    )
