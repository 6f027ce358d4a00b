"""Puts the governance service together."""

import grpc.aio
from aisle.governance.v1 import governance_service_pb2, governance_service_pb2_grpc
from aisle_runtime.jobs import JobFailure, JobKind, JobRecord
from aisle_runtime.service import Platform, Wiring, run_service
from aisle_runtime.tokens import Signer, load_key
from sqlalchemy import Connection

from aisle_governance import classifying, erasing, importing, repairing, running, weighing
from aisle_governance import labelling as labels
from aisle_governance.classifying import Classifying
from aisle_governance.collecting import UserEvents
from aisle_governance.contracting import Contracts
from aisle_governance.erasing import Erasures
from aisle_governance.erasing_elsewhere import BUS, Holders
from aisle_governance.events import AliasDoor, PipelineDoor
from aisle_governance.events_models import ModelDoor
from aisle_governance.importing import Imports
from aisle_governance.labelling import Labelling
from aisle_governance.live import LiveCollections
from aisle_governance.live_events import ImpressionsDoor
from aisle_governance.previewing import Previews
from aisle_governance.reading import Readings
from aisle_governance.readying import Readinesses
from aisle_governance.releasing import Releases
from aisle_governance.repairing import Repairs
from aisle_governance.running import Runs
from aisle_governance.servicer import GovernanceServicer
from aisle_governance.servicer_collect import CollectRules
from aisle_governance.servicer_history import HistoryRules
from aisle_governance.settings import GovernanceSettings
from aisle_governance.sourcing import Sourcing
from aisle_governance.suggesting import Suggestions
from aisle_governance.versioning import Versions
from aisle_governance.weighing import RoiStudies

SERVICE = "governance"
MIGRATIONS = "aisle_governance.storage"


async def wire(platform: Platform) -> Wiring:
    """Build the rules on the runtime's adapters and name the doors."""
    settings = platform.settings
    if not isinstance(settings, GovernanceSettings):
        raise TypeError("governance needs GovernanceSettings")
    settings.tables_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    imports = Imports(platform.jobs, {"max_decoded_bytes": settings.max_decoded_bytes})
    runs = Runs(platform.jobs, platform.outbox)
    key = load_key(settings.subject_key_path)
    holders = [*settings.erasure_holders, BUS] if settings.nats_url else []
    erasures = Erasures(platform.jobs, platform.outbox, key, holders=holders)
    elsewhere = Holders(platform.db, platform.inbox, platform.bus, settings.effective_database_url, key)
    _register_jobs(platform, settings, imports, runs, erasures)
    _register_erasures(platform, settings, erasures)
    repairs = _register_repairs(platform, settings)
    labelling = Labelling(platform.jobs, platform.outbox, runs)
    _register_label_jobs(platform, settings, labelling)
    live = LiveCollections(platform.db, platform.artifacts, erasures.sweep_artifacts, erasures.collectable)
    signer = Signer.from_file(settings.signing_key_path)
    servicer = GovernanceServicer(
        platform=platform,
        settings=settings,
        imports=imports,
        runs=runs,
        repairs=repairs,
        readings=Readings(platform.db, platform.jobs, platform.artifacts, settings.tables_dir, settings.roi_dir),
        user_events=UserEvents(
            platform.db, platform.outbox, signer, allowed=erasures.collectable, on_stored=live.on_events
        ),
        labelling=labelling,
        contracts=Contracts(platform.db, settings.tables_dir),
        readinesses=Readinesses(platform.db, settings.tables_dir, settings.thresholds),
        collect=CollectRules(Sourcing(platform.db, settings), live, Suggestions(settings.state_dir)),
        studies=_register_studies(platform, settings, runs),
        classifying=_register_classifying(platform, settings),
        history_rules=HistoryRules(
            versions=Versions(platform.db, platform.outbox, erasures, settings.tables_dir),
            releases=Releases(platform.db, platform.artifacts),
            erasures=erasures,
            previews=Previews(platform.db, platform.artifacts, settings.tables_dir, key),
        ),
    )

    def register(server: grpc.aio.Server) -> None:
        governance_service_pb2_grpc.add_GovernanceServiceServicer_to_server(servicer, server)

    return Wiring(
        register=register,
        service_names=[governance_service_pb2.DESCRIPTOR.services_by_name["GovernanceService"].full_name],
        consumers=[
            *PipelineDoor(platform.db, platform.inbox, platform.outbox, runs).consumers(),
            *AliasDoor(platform.db, platform.inbox).consumers(),
            *elsewhere.consumers(),
            *ModelDoor(platform.db, platform.inbox).consumers(),
            *ImpressionsDoor(platform.db, platform.inbox, live).consumers(),
        ],
        background=[lambda: erasures.tend(platform.db), elsewhere.tend, live.tend],
    )


def _register_jobs(
    platform: Platform, settings: GovernanceSettings, imports: Imports, runs: Runs, erasures: Erasures
) -> None:
    def import_succeeded(conn: Connection, job: JobRecord, result: bytes) -> None:
        if leftovers := imports.on_succeeded(conn, job, result):
            erasures.sweep_artifacts(conn, leftovers)
        else:
            erasures.on_import_succeeded(conn, job, result)

    def import_failed(conn: Connection, job: JobRecord, failure: JobFailure) -> None:
        imports.on_failed(conn, job, failure)
        erasures.on_import_failed(conn, job)

    platform.jobs.register(
        JobKind(
            kind=importing.JOB_KIND,
            target=importing.JOB_TARGET,
            max_parallel=2,
            memory_limit_bytes=settings.import_memory_bytes,
            on_succeeded=import_succeeded,
            on_failed=import_failed,
        )
    )
    platform.jobs.register(
        JobKind(
            kind=running.JOB_KIND,
            target=running.JOB_TARGET,
            memory_limit_bytes=settings.run_memory_bytes,
            on_progress=runs.on_progress,
            on_succeeded=runs.on_succeeded,
            on_failed=runs.on_failed,
        )
    )


def _register_repairs(platform: Platform, settings: GovernanceSettings) -> Repairs:
    repairs = Repairs(platform.jobs)
    platform.jobs.register(
        JobKind(
            kind=repairing.JOB_KIND,
            target=repairing.JOB_TARGET,
            memory_limit_bytes=settings.run_memory_bytes,
            on_succeeded=repairs.on_succeeded,
            on_failed=repairs.on_failed,
        )
    )
    return repairs


def _register_label_jobs(platform: Platform, settings: GovernanceSettings, labelling: Labelling) -> None:
    kinds = (
        (labels.BUILD_KIND, labels.BUILD_TARGET, labelling.on_built),
        (labels.REVIEW_KIND, labels.REVIEW_TARGET, labelling.on_reviewed),
    )
    for kind, target, on_succeeded in kinds:
        platform.jobs.register(
            JobKind(kind=kind, target=target, memory_limit_bytes=settings.run_memory_bytes, on_succeeded=on_succeeded)
        )


def _register_studies(platform: Platform, settings: GovernanceSettings, runs: Runs) -> RoiStudies:
    studies = RoiStudies(platform.jobs, platform.outbox, runs, settings.roi_dir)
    platform.jobs.register(
        JobKind(
            kind=weighing.JOB_KIND,
            target=weighing.JOB_TARGET,
            memory_limit_bytes=settings.run_memory_bytes,
            on_progress=studies.on_progress,
            on_succeeded=studies.on_succeeded,
            on_failed=studies.on_failed,
        )
    )
    return studies


def _register_classifying(platform: Platform, settings: GovernanceSettings) -> Classifying:
    categories = Classifying(platform.jobs, platform.outbox)
    platform.jobs.register(
        JobKind(
            kind=classifying.JOB_KIND,
            target=classifying.JOB_TARGET,
            memory_limit_bytes=settings.run_memory_bytes,
            on_succeeded=categories.on_succeeded,
        )
    )
    return categories


def _register_erasures(platform: Platform, settings: GovernanceSettings, erasures: Erasures) -> None:
    platform.jobs.register(
        JobKind(
            kind=erasing.ERASE_KIND,
            target=erasing.ERASE_TARGET,
            memory_limit_bytes=settings.run_memory_bytes,
            on_succeeded=erasures.on_rewritten,
            on_failed=erasures.on_failed,
        )
    )
    platform.jobs.register(
        JobKind(
            kind=erasing.SWEEP_KIND,
            target=erasing.SWEEP_TARGET,
            on_succeeded=erasures.on_swept,
            on_failed=erasures.on_failed,
        )
    )


def main() -> int:
    """Run until told to stop; returns the exit code."""
    return run_service(SERVICE, GovernanceSettings, MIGRATIONS, wire)
