"""The demo's story: one lifecycle from raw files to a ranking that improves itself, each step measured as it happens."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

import grpc
from aisle.governance.v1 import dataset_pb2, governance_run_pb2, governance_service_pb2
from aisle.monitor.v1 import monitor_service_pb2, observation_pb2, pipeline_run_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb2
from aisle.ranker.v1 import ranker_service_pb2, ranking_pb2
from aisle.trainer.v1 import trainer_service_pb2, training_job_pb2
from aisle.type.v1 import job_pb2

from aisle_demo import plan
from aisle_demo.narrator import Narrator
from aisle_demo.readings import (
    ENDED,
    TASKS,
    drift_entry,
    figure,
    quality_entry,
    run_entry,
    seconds,
    serving_entry,
    state_name,
    trace_entry,
    why,
)
from aisle_demo.report import Report, SystemFigures
from aisle_demo.services import CALL_SECONDS, DONE, DemoFailed, Services, new_request_id
from aisle_demo.shop import Shop
from aisle_demo.traffic import Probe, Traffic, replay

RUN_SECONDS = 1200.0
SEARCH_DEADLINE = 2.0
"""Seconds a demo call may take; training runs beside it on the same cores."""
POLL_SECONDS = 1.0
SWAP_SECONDS = 30.0
"""Within this time searches must be answered by the model that a run promoted."""
TRACE_SECONDS = 20.0
SPANS_SECONDS = 1.2
"""Spans leave their process in batches; this is longer than a batch waits."""


class Scenario:
    """Runs the steps in order and fills the report."""

    def __init__(self, services: Services, shop: Shop, effort: plan.Effort, narrator: Narrator, report: Report) -> None:
        self.services = services
        self.shop = shop
        self.effort = effort
        self.say = narrator
        self.report = report

    @contextlib.contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.report.stage_seconds[name] = self.report.stage_seconds.get(name, 0.0) + time.monotonic() - begun

    async def play(self) -> None:
        """The whole story."""
        with self._stage("import"):
            await self._bring_data()
        with self._stage("first model"):
            await self._first_model()
        with self._stage("worse candidate"):
            await self._worse_candidate()
        with self._stage("replayed day"):
            await self._replay_day()
        with self._stage("drift and refresh"):
            await self._drift_and_refresh()
        with self._stage("trace"):
            await self._show_serving()
            await self._show_trace()

    # --- data

    async def _bring_data(self) -> None:
        self.say.chapter("Raw shop data comes in")
        for dataset_id, kind, mapping in plan.datasets(self.shop):
            await self.services.governance.CreateDataset(
                governance_service_pb2.CreateDatasetRequest(
                    dataset_id=dataset_id, kind=kind, mapping=mapping, request_id=new_request_id()
                ),
                timeout=CALL_SECONDS,
                metadata=self.services.trace,
            )
        for source in self.shop.judgments:
            self._imported(plan.JUDGMENTS, await self.services.upload(f"datasets/{plan.JUDGMENTS}", source))
        self._imported(plan.ORDERS, await self.services.upload(f"datasets/{plan.ORDERS}", self.shop.orders_known))

    def _imported(self, dataset: str, done: dataset_pb2.Import) -> None:
        self.say.line(
            f"{dataset}: {done.source_file}, {done.accepted_row_count:,} rows in, {done.rejected_row_count:,} refused"
        )

    # --- runs

    async def _first_model(self) -> None:
        self.say.chapter("One pipeline run: govern, tune, train, judge, promote")
        for pipeline_id, spec in (
            (plan.FIRST, plan.first_pipeline(self.effort)),
            (plan.CHALLENGE, plan.challenge_pipeline(self.effort)),
            (plan.REFRESH, plan.refresh_pipeline(self.effort)),
        ):
            await self.services.monitor.CreatePipeline(
                monitor_service_pb2.CreatePipelineRequest(
                    pipeline_id=pipeline_id, spec=spec, request_id=new_request_id()
                ),
                timeout=CALL_SECONDS,
                metadata=self.services.trace,
            )
        run = await self._run(plan.FIRST)
        if run.state != pipeline_run_pb2.PIPELINE_RUN_STATE_SUCCEEDED:
            raise DemoFailed(f"{run.name} ended as {state_name(run.state)}: {why(run)}")
        await self._live(run.slip.model_version)
        await self._show_searches()

    async def _worse_candidate(self) -> None:
        self.say.chapter("A deliberately worse candidate: the same data with every label drawn at random")
        run = await self._run(plan.CHALLENGE)
        if run.state != pipeline_run_pb2.PIPELINE_RUN_STATE_REJECTED:
            raise DemoFailed(
                f"the worse candidate was not refused: {run.name} ended as {state_name(run.state)} {why(run)}"
            )

    async def _run(self, pipeline: str) -> pipeline_run_pb2.PipelineRun:
        answer = await self.services.monitor.RunPipeline(
            monitor_service_pb2.RunPipelineRequest(pipeline=f"pipelines/{pipeline}", request_id=new_request_id()),
            timeout=CALL_SECONDS,
            metadata=self.services.trace,
        )
        return await self._follow(answer.pipeline_run.name)

    async def _follow(self, name: str, *listeners: Callable[[str], None]) -> pipeline_run_pb2.PipelineRun:
        """Tell what a run does until it ends, with the details behind each stage; listeners hear of each stage that ended."""
        told: set[str] = set()
        run = pipeline_run_pb2.PipelineRun(name=name)
        async for run in self._watch(name):
            for stage in run.stages:
                if stage.stage in told or stage.state not in ENDED:
                    continue
                told.add(stage.stage)
                self.say.stage(name, stage.stage, state_name(stage.state), stage.summary, seconds(stage))
                for listener in listeners:
                    listener(stage.stage)
                await self._details(stage.stage, run)
        self.report.runs.append(run_entry(run))
        self.say.outcome(name, state_name(run.state))
        return run

    async def _watch(self, name: str) -> AsyncIterator[pipeline_run_pb2.PipelineRun]:
        """A run's states until it ends; a broken stream is taken up again where it stopped."""
        deadline = time.monotonic() + RUN_SECONDS
        revision = 0
        while time.monotonic() < deadline:
            request = monitor_service_pb2.WatchPipelineRunRequest(name=name, after_revision=revision)
            try:
                async for message in self.services.monitor.WatchPipelineRun(request, timeout=RUN_SECONDS):
                    revision = message.pipeline_run.revision
                    yield message.pipeline_run
                    if message.pipeline_run.state in ENDED:
                        return
            except grpc.aio.AioRpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                    raise
        raise DemoFailed(f"{name} did not end within {RUN_SECONDS:.0f} s")

    async def _details(self, stage: str, run: pipeline_run_pb2.PipelineRun) -> None:
        if stage == "governance":
            known = {entry["version"] for entry in self.report.datasets}
            for version in run.slip.dataset_versions:
                if version not in known:
                    await self._show_quality(version)
        if stage == "training" and run.slip.training_job and not self.report.evaluation:
            await self._show_evaluation(run.slip.training_job)

    async def _show_quality(self, version: str) -> None:
        answer = await self.services.governance.GetQualityReport(
            governance_service_pb2.GetQualityReportRequest(name=version), timeout=CALL_SECONDS
        )
        quality: governance_run_pb2.QualityReport = answer.quality_report
        entry = quality_entry(quality)
        self.report.datasets.append(entry)
        self.say.quality(entry)

    async def _show_evaluation(self, job: str) -> None:
        found = await self.services.trainer.GetTrainingJob(
            trainer_service_pb2.GetTrainingJobRequest(name=job), timeout=CALL_SECONDS
        )
        answer = await self.services.trainer.GetEvaluation(
            trainer_service_pb2.GetEvaluationRequest(name=found.training_job.evaluation), timeout=CALL_SECONDS
        )
        evaluation: training_job_pb2.Evaluation = answer.evaluation
        for task in evaluation.tasks:
            name = TASKS[task.kind]
            self.report.split[name] = task.split
            for system in task.systems:
                figures = [figure(metric) for metric in system.metrics]
                self.report.evaluation.append(SystemFigures(task=name, system=system.system, figures=figures))
            self.report.paired_differences += [figure(metric, f"{name} ") for metric in task.paired_differences]
        self.say.evaluation(self.report)

    # --- serving

    async def _live(self, model_version: str) -> ranking_pb2.ServingModel:
        answer = await self.services.ranker.GetServingState(
            ranker_service_pb2.GetServingStateRequest(), timeout=CALL_SECONDS
        )
        live: ranking_pb2.ServingModel = answer.state.live
        if live.model_version != model_version:
            raise DemoFailed(f"the run ended but {live.model_version or 'nothing'} is live, not {model_version}")
        self.say.line(
            f"{live.model_version} is live: {live.search_product_count:,} products to search, "
            f"{live.recommend_product_count:,} to recommend, engine {live.engine}"
        )
        return live

    async def _show_searches(self) -> None:
        for query in self.shop.queries[:2]:
            titles: list[list[str]] = []
            for skip in (True, False):
                request = ranker_service_pb2.SearchRequest(query=query, page_size=5, skip_neural=skip)
                answer = await self.services.ranker.Search(request, timeout=CALL_SECONDS)
                titles.append([result.title for result in answer.results])
            rows = [list(pair) for pair in zip(*titles, strict=False)]
            self.report.searches.append({"query": query, "rows": rows})
            self.say.search(query, rows)

    async def _replay_day(self) -> None:
        day = self.shop.replay_day[0].time.date()
        self.say.chapter(f"A held-back day as traffic: {day}")
        traffic: Traffic = await replay(
            self.services,
            self.shop,
            searches=self.effort.searches,
            shoppers=self.effort.shoppers,
            deadline_seconds=SEARCH_DEADLINE,
        )
        if traffic.failures:
            raise DemoFailed(f"{len(traffic.failures)} calls failed, the first with {traffic.failures[0]}")
        self.say.line(
            f"{traffic.recommendations} recommendations (clicks: what the customer bought that day), {traffic.searches} searches "
            f"(clicks simulated from human grades), {traffic.clicks} clicks taken, {traffic.refused_events} refused"
        )

    async def _drift_and_refresh(self) -> None:
        self.say.chapter("Later orders arrive; nobody starts anything from here on")
        policy = plan.drift_policy()
        await self.services.monitor.CreatePolicy(
            monitor_service_pb2.CreatePolicyRequest(policy_id=plan.POLICY, policy=policy, request_id=new_request_id()),
            timeout=CALL_SECONDS,
            metadata=self.services.trace,
        )
        self._imported(plan.ORDERS, await self.services.upload(f"datasets/{plan.ORDERS}", self.shop.orders_later))
        answer = await self.services.governance.StartGovernanceRun(
            governance_service_pb2.StartGovernanceRunRequest(
                stage=spec_pb2.GovernanceStage(dataset_runs=[spec_pb2.DatasetRun(dataset=f"datasets/{plan.ORDERS}")]),
                request_id=new_request_id(),
            ),
            timeout=CALL_SECONDS,
            metadata=self.services.trace,
        )
        await self._governed(answer.governance_run.name)
        alert = await self._alert()
        async with Probe(self.services, self.shop.queries[:40], SEARCH_DEADLINE) as probe:
            run = await self._follow(alert.pipeline_run, probe.stage_ended)
            if run.state == pipeline_run_pb2.PIPELINE_RUN_STATE_SUCCEEDED:
                await probe.answered_by(run.slip.model_version, SWAP_SECONDS)
        self.report.promotion_probe = {
            "calls": probe.calls,
            "failed": len(probe.failures),
            "by_version": dict(probe.versions),
            "first_failure": probe.failures[0] if probe.failures else "",
        }
        self.say.line(
            f"{probe.calls} searches were sent meanwhile, {len(probe.failures)} failed; answered by {dict(probe.versions)}"
        )
        if run.state == pipeline_run_pb2.PIPELINE_RUN_STATE_FAILED:
            raise DemoFailed(f"{run.name} failed: {why(run)}")

    async def _governed(self, name: str) -> None:
        request = governance_service_pb2.WatchGovernanceRunRequest(name=name)
        run = governance_run_pb2.GovernanceRun()
        async for message in self.services.governance.WatchGovernanceRun(request, timeout=RUN_SECONDS):
            run = message.governance_run
            if run.status.state in DONE:
                break
        if run.status.state != job_pb2.JOB_STATE_SUCCEEDED:
            raise DemoFailed(f"{name} failed: {run.status.failure.message}")
        for version in run.dataset_versions:
            await self._show_quality(version)
        self._compare_with_published()

    def _compare_with_published(self) -> None:
        """All rows are in now, so the counts can be held against what the data set's documentation says."""
        entry = self.report.datasets[-1]
        entry["published_defects"] = self.shop.published_defects
        for defect, published in self.shop.published_defects.items():
            counted = entry["defects"].get(defect, 0)
            mark = "as published" if counted == published else f"PUBLISHED {published:,}"
            self.say.line(f"{defect}: {counted:,} ({mark})")

    async def _alert(self) -> observation_pb2.Alert:
        """The drift alert that a policy answered with a run."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            answer = await self.services.monitor.ListAlerts(
                monitor_service_pb2.ListAlertsRequest(kind=observation_pb2.ALERT_KIND_DATA_DRIFT), timeout=CALL_SECONDS
            )
            started = [alert for alert in answer.alerts if alert.pipeline_run]
            if started:
                alert: observation_pb2.Alert = started[0]
                await self._show_drift(alert)
                return alert
            await asyncio.sleep(POLL_SECONDS)
        raise DemoFailed("no drift alert started a run within 120 s")

    async def _show_drift(self, alert: observation_pb2.Alert) -> None:
        answer = await self.services.monitor.GetDriftReport(
            monitor_service_pb2.GetDriftReportRequest(name=alert.report), timeout=CALL_SECONDS
        )
        self.report.drift = drift_entry(answer.drift_report)
        self.report.alerts.append({"name": alert.name, "message": alert.message, "pipeline_run": alert.pipeline_run})
        self.say.line(f"alert: {alert.message}")
        self.say.line(f"policies/{plan.POLICY} started {alert.pipeline_run} by itself")

    async def _show_serving(self) -> None:
        request = monitor_service_pb2.QueryMetricsRequest(by_surface=True)
        answer = await self.services.monitor.QueryMetrics(request, timeout=CALL_SECONDS)
        self.report.serving += [serving_entry(row) for row in answer.metrics]
        self.say.serving(self.report.serving)

    async def _show_trace(self) -> None:
        """The lifecycle's trace; spans travel in batches, so it is asked for until it stops growing."""
        request = monitor_service_pb2.GetTraceRequest(trace_id=self.services.trace_id)
        seen, answer = -1, monitor_service_pb2.GetTraceResponse()
        deadline = time.monotonic() + TRACE_SECONDS
        while time.monotonic() < deadline and seen != answer.span_count:
            seen = answer.span_count
            await asyncio.sleep(SPANS_SECONDS)
            answer = await self.services.monitor.GetTrace(request, timeout=CALL_SECONDS)
        self.report.trace = trace_entry(self.services.trace_id, answer)
        self.say.trace(self.report.trace, list(answer.spans))
