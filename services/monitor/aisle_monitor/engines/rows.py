"""Rows of dataset versions, read from governance as an Arrow stream; blocking, for job processes."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
import pyarrow as pa
from aisle.governance.v1 import dataset_pb2, governance_service_pb2, governance_service_pb2_grpc
from aisle_runtime.client import error_details
from aisle_runtime.errors import AisleError, DataLoss, FailedPrecondition, NotFound, Unavailable

READ_TIMEOUT_SECONDS = 120.0
BUFFER_BYTES = 1 << 20


class Rows:
    """Reads dataset versions."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Read over `channel`."""
        self._stub = governance_service_pb2_grpc.GovernanceServiceStub(channel)

    def version(self, name: str) -> dataset_pb2.DatasetVersion:
        """Return a version; raises NotFound, or Unavailable while governance is away."""
        request = governance_service_pb2.GetDatasetVersionRequest(name=name)
        try:
            return self._stub.GetDatasetVersion(request).dataset_version
        except grpc.RpcError as error:
            raise _translated(error) from error

    def read(self, version: str, columns: list[str], sample: int, added_since: str = "") -> pa.Table:
        """Return at most `sample` rows of `version`; with `added_since` only those that this other version does not hold.

        Raises what `version` raises, and DataLoss for a stream that ends too early.
        """
        request = governance_service_pb2.ReadRowsRequest(
            dataset_version=version, columns=columns, added_since_version=added_since, sample_row_count=sample
        )
        try:
            pieces = self._stub.ReadRows(request, timeout=READ_TIMEOUT_SECONDS)
            # Arrow takes a short read for the end of the stream; the buffer in between reads on until it has enough.
            stream = io.BufferedReader(_Chunks(piece.arrow_ipc_chunk for piece in pieces), BUFFER_BYTES)
            with pa.ipc.open_stream(stream) as reader:
                return reader.read_all()
        except grpc.RpcError as error:
            raise _translated(error) from error
        except (pa.ArrowException, OSError) as error:
            raise DataLoss(
                "The rows that governance sent are no whole Arrow stream.",
                reason="ROWS_DAMAGED",
                next_step="Ask again.",
            ) from error


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
    if details.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
        return Unavailable("Governance could not be reached.", reason="GOVERNANCE_UNAVAILABLE", retry_after_seconds=5)
    return FailedPrecondition(
        "Governance did not hand out the rows.",
        reason="ROWS_NOT_READABLE",
        next_step="Look at the version in governance.",
        facts={"code": details.code.name, "reason": details.reason},
    )
