"""Puts the governance service together."""

import grpc.aio
from aisle.governance.v1 import governance_service_pb2, governance_service_pb2_grpc
from aisle_runtime.jobs import JobKind
from aisle_runtime.service import Platform, Wiring, run_service
from aisle_runtime.tokens import Signer

from aisle_governance import importing, running
from aisle_governance.collecting import UserEvents
from aisle_governance.events import PipelineDoor
from aisle_governance.importing import Imports
from aisle_governance.reading import Readings
from aisle_governance.running import Runs
from aisle_governance.servicer import GovernanceServicer
from aisle_governance.settings import GovernanceSettings

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
    _register_jobs(platform, settings, imports, runs)
    signer = Signer.from_file(settings.signing_key_path)
    servicer = GovernanceServicer(
        platform=platform,
        settings=settings,
        imports=imports,
        runs=runs,
        readings=Readings(platform.db, platform.jobs, platform.artifacts, settings.tables_dir),
        user_events=UserEvents(platform.db, platform.outbox, signer),
    )

    def register(server: grpc.aio.Server) -> None:
        governance_service_pb2_grpc.add_GovernanceServiceServicer_to_server(servicer, server)

    return Wiring(
        register=register,
        service_names=[governance_service_pb2.DESCRIPTOR.services_by_name["GovernanceService"].full_name],
        consumers=PipelineDoor(platform.db, platform.inbox, platform.outbox, runs).consumers(),
    )


def _register_jobs(platform: Platform, settings: GovernanceSettings, imports: Imports, runs: Runs) -> None:
    platform.jobs.register(
        JobKind(
            kind=importing.JOB_KIND,
            target=importing.JOB_TARGET,
            max_parallel=2,
            memory_limit_bytes=settings.import_memory_bytes,
            on_succeeded=imports.on_succeeded,
            on_failed=imports.on_failed,
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


def main() -> int:
    """Run until told to stop; returns the exit code."""
    return run_service(SERVICE, GovernanceSettings, MIGRATIONS, wire)
