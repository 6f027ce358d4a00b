"""Reads dataset versions from governance."""

from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pyarrow as pa
from aisle.governance.v1 import contract_pb2, dataset_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.governance.v1 import governance_service_pb2_grpc as pb_grpc

from aisle_trainer.domain.plan import Task
from aisle_trainer.errors import DataNotReady, DatasetUnreadable, WrongColumns

TIERS: dict[Task, contract_pb2.ReadinessTier] = {
    Task.SEARCH_RELEVANCE: contract_pb2.READINESS_TIER_RELEVANCE,
    Task.PURCHASE: contract_pb2.READINESS_TIER_PERSONALISED,
    Task.SEQUENCE: contract_pb2.READINESS_TIER_BEHAVIOUR,
}
"""What governance must say of the data of a task before it is trained; a task without an entry needs nothing."""


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

    def require_ready(self, version: dataset_pb2.DatasetVersion, task: Task) -> None:
        """Do nothing when the version can teach the task, as far as governance can tell; raises DataNotReady."""
        tier = TIERS.get(task)
        if tier is None:
            return
        request = contract_pb2.GetReadinessRequest(datasets=[version.name], tier=tier)
        try:
            answer = self._stub.GetReadiness(request, timeout=self._timeout)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return  # an older governance; the data is still checked when it is read
            raise _unreadable(error, version.name) from error
        missing = [one for found in answer.tiers if not found.ready for one in found.requirements if not one.passed]
        if missing:
            found = "; ".join(f"{one.description}, found {one.observed_value:.4g}" for one in missing[:5])
            raise DataNotReady(
                f"{version.name} cannot teach {task.value.lower().replace('_', ' ')} yet: {found}.",
                next_step=f"{missing[0].next_step} `aisle data readiness` shows every requirement.",
                facts={
                    "dataset_version": version.name,
                    "requirements": ", ".join(one.requirement for one in missing[:20]),
                },
            )

    def read(self, version: dataset_pb2.DatasetVersion, needed: Sequence[str], wanted: Sequence[str] = ()) -> pa.Table:
        """Return the columns `needed`, and those of `wanted` that exist.

        Raises WrongColumns when one that is needed is missing, DatasetUnreadable when the version is gone.
        """
        existing = {column.name for column in version.columns}
        if existing and (missing := [name for name in needed if name not in existing]):
            raise WrongColumns(
                f"The dataset version lacks the columns {', '.join(missing)}.",
                next_step="Name a dataset whose kind fits the task: judgments for search relevance, orders for purchase, "
                "pairs for pair matching, orders or user-events for sequence.",
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
