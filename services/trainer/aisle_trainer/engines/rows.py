"""Reads dataset versions from governance."""

from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pyarrow as pa
from aisle.governance.v1 import dataset_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.governance.v1 import governance_service_pb2_grpc as pb_grpc

from aisle_trainer.errors import DatasetUnreadable, WrongColumns


class _Pieces:
    """A file-like view of a stream of byte pieces, for Arrow to read from."""

    closed = False

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int = -1) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while size < 0 or have < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            have += len(piece)
        data = b"".join(parts)
        wanted = len(data) if size < 0 else size
        self._rest = data[wanted:]
        return data[:wanted]

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


class Rows:
    """Governance's rows, over a channel."""

    def __init__(self, channel: grpc.Channel, timeout_seconds: float) -> None:
        """Ask over `channel`; reading one version may take `timeout_seconds`."""
        self._stub: Any = pb_grpc.GovernanceServiceStub(channel)
        self._timeout = timeout_seconds

    def version(self, dataset: str) -> dataset_pb2.DatasetVersion:
        """Return the version that `datasets/{dataset}[/versions/{version}]` means now; raises DatasetUnreadable."""
        name = dataset if "/versions/" in dataset else f"{dataset}/versions/latest"
        try:
            found: dataset_pb2.DatasetVersion = self._stub.GetDatasetVersion(
                pb.GetDatasetVersionRequest(name=name)
            ).dataset_version
        except grpc.RpcError as error:
            raise _unreadable(error, dataset) from error
        return found

    def read(self, version: dataset_pb2.DatasetVersion, needed: Sequence[str], wanted: Sequence[str] = ()) -> pa.Table:
        """Return the columns `needed`, and those of `wanted` that exist.

        Raises WrongColumns when one that is needed is missing, DatasetUnreadable when the version is gone.
        """
        existing = {column.name for column in version.columns}
        if existing and (missing := [name for name in needed if name not in existing]):
            raise WrongColumns(
                f"The dataset version lacks the columns {', '.join(missing)}.",
                next_step="Name a dataset whose kind fits the task: judgments for search relevance, orders for purchase, "
                "pairs for pair matching.",
                facts={"dataset_version": version.name, "missing": ", ".join(missing)},
            )
        columns = [*needed, *(name for name in wanted if name in existing)]
        request = pb.ReadRowsRequest(dataset_version=version.name, columns=columns)
        try:
            answers = self._stub.ReadRows(request, timeout=self._timeout)
            pieces = (answer.arrow_ipc_chunk for answer in answers)
            with pa.ipc.open_stream(pa.PythonFile(_Pieces(pieces), mode="r")) as reader:
                return reader.read_all()
        except grpc.RpcError as error:
            raise _unreadable(error, version.name) from error


def _unreadable(error: grpc.RpcError, dataset: str) -> Exception:
    if error.code() is not grpc.StatusCode.NOT_FOUND:
        return error
    return DatasetUnreadable(
        "Governance has no such dataset, or no version of it.",
        next_step="Import rows, run governance, and name a dataset that has a version.",
        facts={"dataset": dataset},
    )
