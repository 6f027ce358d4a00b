"""Every part dies once in the middle of a run; the run ends well, and nothing happens twice."""

import asyncio

import pytest
from aisle.governance.v1 import governance_service_pb2
from aisle.monitor.v1 import monitor_service_pb2, pipeline_run_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb2
from aisle.registry.v1 import registry_service_pb2
from aisle.trainer.v1 import trainer_service_pb2
from aisle_demo import plan
from aisle_demo.readings import ENDED
from aisle_demo.services import CALL_SECONDS, Services, new_request_id
from aisle_demo.shop import Shop
from aisle_launcher.platform import LocalPlatform

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

RUN_SECONDS = 300
BUS_DOWN_SECONDS = 30
PIPELINE = "sturdy"
STAGE_OF = {
    "governance": "governance",
    "monitor": "governance",
    "trainer": "training",
    "tuner": "training",
    "registry": "training",
    "ranker": "training",
}
"""Service -> stage during which it is killed."""


def sturdy() -> spec_pb2.PipelineSpec:
    """A pipeline whose gate asks little, so that the outcome depends on the machinery alone."""
    gate = spec_pb2.Gate(metric="ndcg@10", comparator=spec_pb2.GATE_COMPARATOR_ABSOLUTE, threshold=0.05)
    spec = plan.refresh_pipeline(plan.Effort(first_steps=6, refresh_steps=6, worse_steps=1, trials=0, trial_steps=0))
    spec.registry.ClearField("gates")
    spec.registry.gates.append(gate)
    return spec


@pytest.fixture(scope="module")
def prepared() -> dict[str, bool]:
    return {}


async def prepare(services: Services, shop: Shop) -> None:
    for dataset_id, kind, mapping in plan.datasets(shop):
        await services.governance.CreateDataset(
            governance_service_pb2.CreateDatasetRequest(
                dataset_id=dataset_id, kind=kind, mapping=mapping, request_id=new_request_id()
            ),
            timeout=CALL_SECONDS,
        )
    await services.upload(f"datasets/{plan.JUDGMENTS}", shop.judgments[0])
    await services.upload(f"datasets/{plan.ORDERS}", shop.orders_known)
    await services.monitor.CreatePipeline(
        monitor_service_pb2.CreatePipelineRequest(pipeline_id=PIPELINE, spec=sturdy(), request_id=new_request_id()),
        timeout=CALL_SECONDS,
    )


async def start_run(services: Services) -> str:
    answer = await services.monitor.RunPipeline(
        monitor_service_pb2.RunPipelineRequest(pipeline=f"pipelines/{PIPELINE}", request_id=new_request_id()),
        timeout=CALL_SECONDS,
    )
    return answer.pipeline_run.name


async def get_run(services: Services, name: str) -> pipeline_run_pb2.PipelineRun:
    """The run, asked for again while monitor is away."""
    answer = await services.monitor.GetPipelineRun(
        monitor_service_pb2.GetPipelineRunRequest(name=name), timeout=CALL_SECONDS, wait_for_ready=True
    )
    return answer.pipeline_run


async def until_stage(services: Services, name: str, stage: str) -> None:
    async with asyncio.timeout(RUN_SECONDS):
        while True:
            run = await get_run(services, name)
            if any(entry.stage == stage for entry in run.stages) or run.state in ENDED:
                return
            await asyncio.sleep(0.1)


async def until_ended(services: Services, name: str) -> pipeline_run_pb2.PipelineRun:
    async with asyncio.timeout(RUN_SECONDS):
        while (run := await get_run(services, name)).state not in ENDED:
            await asyncio.sleep(0.25)
    return run


async def counts(services: Services) -> tuple[int, int, int]:
    """Training jobs, model versions and moves of the alias."""
    jobs = await services.trainer.ListTrainingJobs(
        trainer_service_pb2.ListTrainingJobsRequest(page_size=1000), timeout=CALL_SECONDS, wait_for_ready=True
    )
    versions = await services.registry.ListModelVersions(
        registry_service_pb2.ListModelVersionsRequest(model=plan.MODEL, page_size=1000),
        timeout=CALL_SECONDS,
        wait_for_ready=True,
    )
    moves = await services.registry.GetAliasHistory(
        registry_service_pb2.GetAliasHistoryRequest(model=plan.MODEL, alias=plan.ALIAS, page_size=1000),
        timeout=CALL_SECONDS,
        wait_for_ready=True,
    )
    return len(jobs.training_jobs), len(versions.model_versions), len(moves.changes)


async def test_a_run_survives_the_death_of_every_service(
    platform: LocalPlatform, services: Services, shop: Shop, prepared: dict[str, bool]
) -> None:
    await prepare(services, shop)
    prepared["done"] = True
    name = await start_run(services)
    for service, stage in STAGE_OF.items():
        await until_stage(services, name, stage)
        await platform.kill(service)
    run = await until_ended(services, name)
    assert run.state == pipeline_run_pb2.PIPELINE_RUN_STATE_SUCCEEDED, run.failure
    assert await counts(services) == (1, 1, 1)


async def test_a_run_survives_half_a_minute_without_the_event_bus(
    platform: LocalPlatform, services: Services, prepared: dict[str, bool]
) -> None:
    assert prepared.get("done"), "needs the data of the test before"
    before = await counts(services)
    name = await start_run(services)
    await platform.stop_nats()
    await asyncio.sleep(BUS_DOWN_SECONDS)  # the outage itself, not a wait for something
    await platform.start_nats()
    run = await until_ended(services, name)
    assert run.state == pipeline_run_pb2.PIPELINE_RUN_STATE_SUCCEEDED, run.failure
    assert await counts(services) == tuple(count + 1 for count in before)
