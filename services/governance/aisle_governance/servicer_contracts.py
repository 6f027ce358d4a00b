"""The doors to contracts, readiness and shapes; another part of the servicer."""

import asyncio
from importlib import import_module
from typing import Any

from aisle.governance.v1 import column_shape_pb2, contract_pb2, governance_run_pb2, governance_service_pb2_grpc
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle_runtime import paging
from aisle_runtime.db import Database
from sqlalchemy import Connection

from aisle_governance import convert, convert_contracts
from aisle_governance.contracting import Contracts, versions_of
from aisle_governance.domain.model import Version
from aisle_governance.errors import InvalidField, NotFound
from aisle_governance.reading import Readings, find_version
from aisle_governance.readying import Readinesses
from aisle_governance.storage import catalog, history

Context = Any
_ODCS = "aisle_governance.engines.odcs"


class ContractServicer(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Methods of `aisle.governance.v1.GovernanceService` about contracts; errors leave through the interceptor."""

    _db: Database
    _readings: Readings
    _contracts: Contracts
    _readinesses: Readinesses

    async def ListContractVersions(
        self, request: contract_pb2.ListContractVersionsRequest, context: Context
    ) -> contract_pb2.ListContractVersionsResponse:
        """List the contracts of a dataset, newest first."""
        dataset = convert.dataset_id(request.dataset, "dataset")
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        await asyncio.to_thread(import_module, _ODCS)
        from aisle_governance.engines.odcs import contract_hash

        found = await self._db.read(
            lambda conn: self._contracts.listed(conn, dataset, int(after) if after else None, size + 1)
        )
        token = paging.encode_token(str(found[size - 1].number), request) if len(found) > size else ""
        messages = [
            convert_contracts.contract_message(one, contract_hash(one.contract_yaml), whole=False)
            for one in found[:size]
        ]
        return contract_pb2.ListContractVersionsResponse(contract_versions=messages, next_page_token=token)

    async def GetContractVersion(
        self, request: contract_pb2.GetContractVersionRequest, context: Context
    ) -> contract_pb2.GetContractVersionResponse:
        """Return one contract."""
        dataset, number = convert_contracts.contract_name(request.name, "name")
        await asyncio.to_thread(import_module, _ODCS)
        from aisle_governance.engines.odcs import contract_hash

        found = await self._db.read(lambda conn: self._contracts.get(conn, dataset, number))
        message = convert_contracts.contract_message(found, contract_hash(found.contract_yaml), whole=True)
        return contract_pb2.GetContractVersionResponse(contract_version=message)

    async def SuggestContract(
        self, request: contract_pb2.SuggestContractRequest, context: Context
    ) -> contract_pb2.SuggestContractResponse:
        """Infer a contract from a version."""
        version = await self._readings.version(request.dataset_version, "dataset_version")
        names = convert_contracts.reference_datasets(request.reference_datasets)

        def others(conn: Connection) -> list[Version]:
            return versions_of(conn, [(name, None) for name in names]) if names else []

        found = await self._contracts.suggest(version, await self._db.read(others))
        return convert_contracts.suggestion_message(version, found)

    async def DiffContract(
        self, request: contract_pb2.DiffContractRequest, context: Context
    ) -> contract_pb2.DiffContractResponse:
        """Compare two contracts."""
        base = convert_contracts.source(request.base, "base")
        target = convert_contracts.source(request.target, "target")
        changes = await self._contracts.diff(base, target)
        messages = [convert_contracts.change_message(change, uses) for change, uses in changes]
        return contract_pb2.DiffContractResponse(changes=messages)

    async def GetReadiness(
        self, request: contract_pb2.GetReadinessRequest, context: Context
    ) -> contract_pb2.GetReadinessResponse:
        """Say which models data can teach."""
        names = convert_contracts.ready_datasets(request.datasets)
        found = await self._readinesses.judge(names, convert_contracts.tiers(request.tier))
        return contract_pb2.GetReadinessResponse(tiers=map(convert_contracts.readiness_message, found))

    async def GetColumnShapes(
        self, request: column_shape_pb2.GetColumnShapesRequest, context: Context
    ) -> column_shape_pb2.GetColumnShapesResponse:
        """Return the shapes of a version's columns."""
        version = await self._readings.version(request.dataset_version, "dataset_version")
        found = await self._contracts.shapes(version)
        return column_shape_pb2.GetColumnShapesResponse(
            dataset_version=version.name, columns=map(convert_contracts.shape_message, found)
        )

    @staticmethod
    def _report_of_run(conn: Connection, request: pb.GetQualityReportRequest) -> governance_run_pb2.QualityReport:
        """The report of a run about a dataset, dry runs included. Raises InvalidField, NotFound."""
        dataset_id = convert.dataset_id(request.name, "name")
        run = history.get_run(conn, convert.run_id(request.governance_run, "governance_run"))
        catalog.get_dataset(conn, dataset_id)
        report = history.find_report_of_run(conn, run.id, dataset_id)
        if report is None:
            if all(part.dataset != dataset_id for part in run.dataset_runs):
                raise InvalidField("name", "is no dataset of this run")
            raise NotFound(
                "The run has no quality report about this dataset yet.",
                reason="REPORT_NOT_FOUND",
                next_step="Wait until the run has ended.",
            )
        published = 0
        for name in run.dataset_versions:
            dataset, number = convert.version_number(name, "governance_run")
            if dataset == dataset_id and number is not None:
                published = find_version(conn, dataset, number).number
        return convert.report_message(report, published)
