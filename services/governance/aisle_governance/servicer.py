"""The door for calls: convert, ask, convert."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, TypeVar

from aisle.governance.v1 import dataset_pb2, governance_run_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle_runtime import paging
from aisle_runtime.service import Platform
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_governance import convert, convert_collect, uploading
from aisle_governance.classifying import Classifying
from aisle_governance.collecting import UserEvents
from aisle_governance.contracting import Contracts
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import Dataset, Import, Run
from aisle_governance.errors import AisleError, AlreadyExists, FailedPrecondition, InvalidField
from aisle_governance.importing import Arrival, Imports
from aisle_governance.labelling import Labelling
from aisle_governance.reading import Readings, find_version
from aisle_governance.readying import Readinesses
from aisle_governance.repairing import Repairs
from aisle_governance.running import Runs
from aisle_governance.servicer_categories import CategoryServicer
from aisle_governance.servicer_collect import CollectRules, CollectServicer
from aisle_governance.servicer_contracts import ContractServicer
from aisle_governance.servicer_history import HistoryRules, HistoryServicer
from aisle_governance.servicer_labels import LabelServicer
from aisle_governance.servicer_repair import RepairServicer
from aisle_governance.servicer_roi import RoiServicer
from aisle_governance.settings import GovernanceSettings
from aisle_governance.storage import catalog, history
from aisle_governance.weighing import RoiStudies

Context = Any
R = TypeVar("R", bound=Message)
ODCS = "aisle_governance.engines.odcs"
"""Takes long to import, so that is done off the event loop and only when a contract comes."""


class GovernanceServicer(
    HistoryServicer, RepairServicer, LabelServicer, ContractServicer, CollectServicer, RoiServicer, CategoryServicer
):
    """Implements `aisle.governance.v1.GovernanceService`; errors leave through the runtime's interceptor."""

    def __init__(
        self,
        *,
        platform: Platform,
        settings: GovernanceSettings,
        imports: Imports,
        runs: Runs,
        readings: Readings,
        user_events: UserEvents,
        history_rules: HistoryRules,
        labelling: Labelling,
        repairs: Repairs,
        contracts: Contracts,
        readinesses: Readinesses,
        collect: CollectRules,
        studies: RoiStudies,
        classifying: Classifying,
    ) -> None:
        """Answer with these."""
        self._contracts, self._readinesses, self._collect = contracts, readinesses, collect
        self._labelling, self._studies, self._classifying = labelling, studies, classifying
        self._db, self._jobs, self._requests = platform.db, platform.jobs, platform.requests
        self._artifacts, self._settings = platform.artifacts, settings
        self._history, self._repairs = history_rules, repairs
        self._imports, self._runs, self._readings, self._user_events = imports, runs, readings, user_events

    async def _once(
        self, method: str, request: Message, response_type: type[R], compute: Callable[[Connection], R]
    ) -> R:
        """Do a mutation in one transaction, once per request id."""
        convert.request_id(getattr(request, "request_id", ""))
        return await self._db.write(
            lambda conn: self._requests.once(conn, method, request, response_type, lambda: compute(conn))
        )

    async def CreateDataset(self, request: pb.CreateDatasetRequest, context: Context) -> pb.CreateDatasetResponse:
        """Create a dataset, or answer the one that is there with the same definition."""
        kind = convert.kind(request.kind)
        await self._check_contract(request.contract_yaml, kind)
        new = Dataset(
            id=convert.new_dataset_id(request.dataset_id),
            kind=kind,
            mapping=convert.mapping(request.mapping, kind),
            contract_yaml=request.contract_yaml,
            create_time=datetime.now(UTC),
        )

        def create(conn: Connection) -> pb.CreateDatasetResponse:
            found = catalog.find_dataset(conn, new.id)
            if found is None:
                catalog.add_dataset(conn, new)
                found = new
            elif (found.kind, found.mapping, found.contract_yaml) != (new.kind, new.mapping, new.contract_yaml):
                raise AlreadyExists(
                    f"Dataset {new.id!r} exists with another definition.",
                    reason="DATASET_EXISTS",
                    next_step="Choose another dataset_id.",
                )
            return pb.CreateDatasetResponse(dataset=convert.dataset_message(found))

        return await self._once("CreateDataset", request, pb.CreateDatasetResponse, create)

    async def GetDataset(self, request: pb.GetDatasetRequest, context: Context) -> pb.GetDatasetResponse:
        """Return one dataset."""
        dataset_id = convert.dataset_id(request.name, "name")
        found = await self._db.read(lambda conn: catalog.get_dataset(conn, dataset_id))
        return pb.GetDatasetResponse(dataset=convert.dataset_message(found))

    async def ListDatasets(self, request: pb.ListDatasetsRequest, context: Context) -> pb.ListDatasetsResponse:
        """List datasets by name."""
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: catalog.list_datasets(conn, after, size + 1))
        token = paging.encode_token(found[size - 1].id, request) if len(found) > size else ""
        return pb.ListDatasetsResponse(
            datasets=[convert.dataset_summary(item) for item in found[:size]], next_page_token=token
        )

    async def CreateContract(self, request: pb.CreateContractRequest, context: Context) -> pb.CreateContractResponse:
        """Set the contract of a dataset."""
        dataset_id = convert.dataset_id(request.dataset, "dataset")
        if not request.contract_yaml:
            raise InvalidField("contract_yaml", "is required")
        dataset = await self._db.read(lambda conn: catalog.get_dataset(conn, dataset_id))
        await self._check_contract(request.contract_yaml, dataset.kind)

        def store(conn: Connection) -> pb.CreateContractResponse:
            catalog.set_contract(conn, dataset_id, request.contract_yaml)
            return pb.CreateContractResponse(dataset=convert.dataset_message(catalog.get_dataset(conn, dataset_id)))

        return await self._once("CreateContract", request, pb.CreateContractResponse, store)

    async def ValidateContract(
        self, request: pb.ValidateContractRequest, context: Context
    ) -> pb.ValidateContractResponse:
        """Say what is wrong with a contract document."""
        await asyncio.to_thread(import_module, ODCS)
        from aisle_governance.engines import odcs

        kind = None if request.kind == dataset_pb2.DATASET_KIND_UNSPECIFIED else convert.kind(request.kind)
        try:
            await asyncio.to_thread(odcs.parse_contract, request.contract_yaml, kind)
        except odcs.ContractProblems as error:
            problems = [convert.contract_problem(p.message, p.path, p.line, p.next_step) for p in error.problems]
            return pb.ValidateContractResponse(problems=problems)
        return pb.ValidateContractResponse()

    @staticmethod
    async def _check_contract(contract_yaml: str, kind: DatasetKind) -> None:
        if contract_yaml:
            await asyncio.to_thread(import_module, ODCS)
            from aisle_governance.engines import odcs

            await asyncio.to_thread(odcs.parse_contract, contract_yaml, kind)

    async def UploadRows(
        self, request_iterator: AsyncIterator[pb.UploadRowsRequest], context: Context
    ) -> pb.UploadRowsResponse:
        """Take in a streamed file and queue its import."""
        first = await anext(aiter(request_iterator), pb.UploadRowsRequest())
        if first.WhichOneof("payload") != "header":
            raise InvalidField("header", "must be the first message")
        header = first.header
        convert.request_id(header.request_id)
        dataset_id = convert.dataset_id(header.dataset, "header.dataset")
        expected = uploading.check_sha256(header.sha256, "header.sha256")
        arrival = await self._arrival(dataset_id, header, header.source_file, "header.")
        digest, size = await uploading.receive(
            request_iterator, self._artifacts, expected, self._settings.max_upload_bytes
        )
        header.sha256 = digest  # so that a repeated request id with other bytes is noticed
        try:
            return await self._start_import("UploadRows", header, pb.UploadRowsResponse, arrival(digest, size))
        except AisleError:  # bytes that no import refers to would be nobody's to erase
            await self._db.write(lambda conn: self._history.erasures.sweep_artifacts(conn, [digest]))
            raise

    async def ImportDataset(self, request: pb.ImportDatasetRequest, context: Context) -> pb.ImportDatasetResponse:
        """Take in a file that lies below the import root."""
        dataset_id = convert.dataset_id(request.dataset, "dataset")
        arrival = await self._arrival(dataset_id, request, request.relative_path, "")
        path = await asyncio.to_thread(
            uploading.open_below, self._settings.import_root, request.relative_path, self._settings.max_upload_bytes
        )
        digest = await asyncio.to_thread(self._artifacts.put_file, path)
        size = self._artifacts.size_bytes(digest)
        return await self._start_import("ImportDataset", request, pb.ImportDatasetResponse, arrival(digest, size))

    async def _arrival(
        self, dataset_id: str, request: Any, source_file: str, prefix: str
    ) -> Callable[[str, int], Arrival]:
        """Check everything that can be checked before the bytes are there."""
        from aisle_governance.engines.decode import check_encoding
        from aisle_governance.engines.formats import format_of

        name = uploading.check_source_file(source_file, f"{prefix}{'source_file' if prefix else 'relative_path'}")
        file_format = convert.file_format(request.format, format_of(name), f"{prefix}format")
        dialect = convert.dialect(request.dialect)
        check_encoding(dialect.encoding, f"{prefix}dialect.encoding")
        kind = (await self._db.read(lambda conn: catalog.get_dataset(conn, dataset_id))).kind
        convert_collect.check_schema(dialect, file_format, kind, f"{prefix}dialect.record_schema")
        return lambda digest, size: Arrival(dataset_id, name, digest, size, file_format, dialect)

    async def _start_import(self, method: str, request: Message, response_type: type[R], arrival: Arrival) -> R:
        def start(conn: Connection) -> R:
            found = self._imports.start(conn, arrival)
            self._history.erasures.arrived_again(conn, arrival.sha256, found.sha256)
            return response_type(**{"import": self._import_message(conn, found)})

        return await self._once(method, request, response_type, start)

    def _import_message(self, conn: Connection, value: Import) -> dataset_pb2.Import:
        return convert.import_message(value, self._jobs.get(conn, value.id))

    async def GetImport(self, request: pb.GetImportRequest, context: Context) -> pb.GetImportResponse:
        """Return one import."""
        return pb.GetImportResponse(**{"import": await self._read_import(request.name)})

    async def _read_import(self, name: str) -> dataset_pb2.Import:
        dataset_id, import_id = convert.import_id(name)
        return await self._db.read(
            lambda conn: self._import_message(conn, catalog.get_import(conn, import_id, dataset_id))
        )

    async def WatchImport(
        self, request: pb.WatchImportRequest, context: Context
    ) -> AsyncIterator[pb.WatchImportResponse]:
        """Stream an import at every change until it ends."""
        _check_revision(request.after_revision)
        await self._read_import(request.name)
        async for _ in self._jobs.watch(convert.import_id(request.name)[1], request.after_revision):
            yield pb.WatchImportResponse(**{"import": await self._read_import(request.name)})

    async def ListImports(self, request: pb.ListImportsRequest, context: Context) -> pb.ListImportsResponse:
        """List the imports of a dataset, oldest first."""
        dataset_id = convert.dataset_id(request.dataset, "dataset")
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)

        def read(conn: Connection) -> tuple[list[Import], list[dataset_pb2.Import]]:
            catalog.get_dataset(conn, dataset_id)
            found = catalog.list_imports(conn, dataset_id, int(after or 0), size + 1)
            return found, [self._import_message(conn, item) for item in found[:size]]

        found, messages = await self._db.read(read)
        token = paging.encode_token(str(found[size - 1].sequence), request) if len(found) > size else ""
        return pb.ListImportsResponse(imports=messages, next_page_token=token)

    async def StartGovernanceRun(
        self, request: pb.StartGovernanceRunRequest, context: Context
    ) -> pb.StartGovernanceRunResponse:
        """Queue a governance run."""
        parts = convert.dataset_runs(request.stage)

        def start(conn: Connection) -> pb.StartGovernanceRunResponse:
            run = self._runs.start(conn, parts, dry_run=request.dry_run)
            return pb.StartGovernanceRunResponse(governance_run=self._run_message(conn, run))

        return await self._once("StartGovernanceRun", request, pb.StartGovernanceRunResponse, start)

    def _run_message(self, conn: Connection, value: Run) -> governance_run_pb2.GovernanceRun:
        return convert.run_message(value, self._jobs.get(conn, value.id))

    async def _read_run(self, name: str) -> governance_run_pb2.GovernanceRun:
        run_id = convert.run_id(name)
        return await self._db.read(lambda conn: self._run_message(conn, history.get_run(conn, run_id)))

    async def GetGovernanceRun(
        self, request: pb.GetGovernanceRunRequest, context: Context
    ) -> pb.GetGovernanceRunResponse:
        """Return one run."""
        return pb.GetGovernanceRunResponse(governance_run=await self._read_run(request.name))

    async def ListGovernanceRuns(
        self, request: pb.ListGovernanceRunsRequest, context: Context
    ) -> pb.ListGovernanceRunsResponse:
        """List runs, newest first."""
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)

        def read(conn: Connection) -> tuple[list[Run], list[governance_run_pb2.GovernanceRun]]:
            found = history.list_runs(conn, int(after) if after else None, size + 1)
            return found, [self._run_message(conn, item) for item in found[:size]]

        found, messages = await self._db.read(read)
        token = paging.encode_token(str(found[size - 1].sequence), request) if len(found) > size else ""
        return pb.ListGovernanceRunsResponse(governance_runs=messages, next_page_token=token)

    async def CancelGovernanceRun(
        self, request: pb.CancelGovernanceRunRequest, context: Context
    ) -> pb.CancelGovernanceRunResponse:
        """Stop a run that has not ended."""
        run_id = convert.run_id(request.name)

        def check(conn: Connection) -> pb.CancelGovernanceRunResponse:
            run = history.get_run(conn, run_id)
            job = self._jobs.get(conn, run_id)
            if job is None or job.state.is_final:
                raise FailedPrecondition("The run has ended.", reason="RUN_ENDED")
            return pb.CancelGovernanceRunResponse(governance_run=convert.run_message(run, job))

        await self._once("CancelGovernanceRun", request, pb.CancelGovernanceRunResponse, check)
        await self._jobs.cancel(run_id)
        return pb.CancelGovernanceRunResponse(governance_run=await self._read_run(request.name))

    async def WatchGovernanceRun(
        self, request: pb.WatchGovernanceRunRequest, context: Context
    ) -> AsyncIterator[pb.WatchGovernanceRunResponse]:
        """Stream a run at every change until it ends."""
        _check_revision(request.after_revision)
        await self._read_run(request.name)
        async for _ in self._jobs.watch(convert.run_id(request.name), request.after_revision):
            yield pb.WatchGovernanceRunResponse(governance_run=await self._read_run(request.name))

    async def GetQualityReport(
        self, request: pb.GetQualityReportRequest, context: Context
    ) -> pb.GetQualityReportResponse:
        """Return the report of a version, or the newest one of a dataset."""

        def read(conn: Connection) -> pb.GetQualityReportResponse:
            number: int | None = None
            if request.governance_run:
                return pb.GetQualityReportResponse(quality_report=self._report_of_run(conn, request))
            if request.name.count("/") == 1:
                dataset_id = convert.dataset_id(request.name, "name")
                catalog.get_dataset(conn, dataset_id)
            else:
                dataset_id, wanted = convert.version_number(request.name, "name")
                version = find_version(conn, dataset_id, wanted)
                number = version.restored_from or version.number
            report, published = history.find_report(conn, dataset_id, number)
            return pb.GetQualityReportResponse(quality_report=convert.report_message(report, published))

        return await self._db.read(read)

    async def GetDatasetVersion(
        self, request: pb.GetDatasetVersionRequest, context: Context
    ) -> pb.GetDatasetVersionResponse:
        """Return one version."""
        version = await self._readings.version(request.name, "name")
        return pb.GetDatasetVersionResponse(dataset_version=convert.version_message(version))

    async def ListDatasetVersions(
        self, request: pb.ListDatasetVersionsRequest, context: Context
    ) -> pb.ListDatasetVersionsResponse:
        """List versions, newest first."""
        dataset_id = convert.dataset_id(request.dataset, "dataset")
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        before = int(after) if after else None

        def read(conn: Connection) -> pb.ListDatasetVersionsResponse:
            catalog.get_dataset(conn, dataset_id)
            found = history.list_versions(conn, dataset_id, before, size + 1)
            token = paging.encode_token(str(found[size - 1].number), request) if len(found) > size else ""
            messages = [convert.version_message(item) for item in found[:size]]
            return pb.ListDatasetVersionsResponse(dataset_versions=messages, next_page_token=token)

        return await self._db.read(read)

    async def ListQuarantinedRows(
        self, request: pb.ListQuarantinedRowsRequest, context: Context
    ) -> pb.ListQuarantinedRowsResponse:
        """List rows that were put aside."""
        return await self._readings.quarantined(request)

    async def ReadRows(self, request: pb.ReadRowsRequest, context: Context) -> AsyncIterator[pb.ReadRowsResponse]:
        """Stream the rows of a version."""
        async for piece in self._readings.rows(request):
            yield pb.ReadRowsResponse(arrow_ipc_chunk=piece)

    async def GetLineage(self, request: pb.GetLineageRequest, context: Context) -> pb.GetLineageResponse:
        """Say what a version was made from."""
        return await self._readings.lineage(request)

    async def CollectUserEvents(
        self, request: pb.CollectUserEventsRequest, context: Context
    ) -> pb.CollectUserEventsResponse:
        """Take in what shoppers did."""
        return await self._user_events.collect(request.events)


def _check_revision(value: int) -> None:
    if value < 0:
        raise InvalidField("after_revision", "must not be negative")
