"""One training job from tables to bundle."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from aisle_runtime import telemetry

from aisle_trainer import telemetry as names
from aisle_trainer.domain.effort import effort_of
from aisle_trainer.domain.engine import Precision
from aisle_trainer.domain.manifest import BundleFacts
from aisle_trainer.domain.methods import UNMERGEABLE, Method
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.domain.recommend import RERANK_TOP
from aisle_trainer.domain.report import Outcome
from aisle_trainer.engines import bundle, export, pair_data, purchase_data, search_data, sequence_data
from aisle_trainer.engines.base_models import find_base_model
from aisle_trainer.engines.encoder import Embedder, bf16_is_fast, encode, load_tokenizer, load_trunk
from aisle_trainer.engines.model import ExportModel, RankingModel
from aisle_trainer.engines.parallel import ReplicaWork, despite_losses, together
from aisle_trainer.engines.purchase_task import HISTORY_ITEMS, HISTORY_SEPARATOR, PurchaseTask
from aisle_trainer.engines.search_task import SearchTask
from aisle_trainer.engines.training import Hooks, Progress, TrainingLoop, TrainingSet

COLUMNS: dict[Task, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Task.SEARCH_RELEVANCE: (search_data.COLUMNS, ("label_weight",)),
    Task.PURCHASE: (purchase_data.COLUMNS, ()),
    Task.PAIR_MATCHING: (pair_data.COLUMNS, pair_data.MORE_COLUMNS),
    Task.SEQUENCE: (sequence_data.COLUMNS, sequence_data.MORE_COLUMNS),
}
"""Columns that a task needs, and those that it reads where they exist."""
_PROBE_PAIRS = 24
"""Pairs on which exported graphs are compared with the model."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset version's rows."""

    version: str
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a job runs."""

    job: str
    """`trainingJobs/{job}`."""
    workdir: Path
    """Kept between attempts: checkpoints and the unfinished bundle."""
    cache_dir: Path
    """Kept between jobs: embeddings and graphs of base models."""
    base_models_dir: Path | None
    threads: int
    precision: str
    """`auto`, `float32` or `bfloat16`: how matrices are multiplied in training; weights stay float32."""
    report: Callable[[float, str, Progress | None], None]
    """Is told (ratio, phase, progress)."""
    stop: Callable[[], bool]
    """Says whether the job was cancelled."""
    processes: int = 1
    """Processes that share the pairs of every step."""


_TRACED = {
    name.removeprefix(names.SPAN_PREFIX)
    for name in (
        names.SPAN_EMBED,
        names.SPAN_TRAIN,
        names.SPAN_FOLDS,
        names.SPAN_BLEND,
        names.SPAN_EVALUATE,
        names.SPAN_EXPORT,
    )
}


@dataclass(slots=True)
class Clock:
    """Wall seconds per phase; phases that have a span are traced."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the block's wall seconds to a phase."""
        start = time.monotonic()
        try:
            if name in _TRACED:
                with telemetry.span(names.SPAN_PREFIX + name):
                    yield
            else:
                yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start


class JobRun:
    """One attempt at a job."""

    def __init__(self, plan: Plan, datasets: Mapping[Task, Dataset], around: Surroundings) -> None:
        """Check the data and load the base model; raises what is wrong with either."""
        torch.set_num_threads(around.threads)
        self._plan, self._datasets, self._around = plan, datasets, around
        self._clock = Clock()
        with self._clock.phase("prepare"):
            self._base = find_base_model(plan.base_model, around.base_models_dir)
            self._tokenizer = load_tokenizer(self._base, plan.max_tokens)
            effort = effort_of(plan.max_steps)
            self._search: SearchTask | None = None
            self._purchase: PurchaseTask | None = None
            if plan.has(Task.SEARCH_RELEVANCE):
                found = datasets[Task.SEARCH_RELEVANCE]
                self._search = SearchTask(
                    search_data.build_search_data(found.table, found.version), self._tokenizer, plan, effort
                )
            if plan.has(Task.PURCHASE):
                found = datasets[Task.PURCHASE]
                data = purchase_data.build_purchase_data(found.table, found.version)
                self._purchase = PurchaseTask(data, self._tokenizer, plan, effort)
            self._trunk = load_trunk(self._base)
        self._bf16 = around.precision == "bfloat16" or (around.precision == "auto" and bf16_is_fast())

    @property
    def _tasks(self) -> dict[Task, SearchTask | PurchaseTask]:
        tasks = ((Task.SEARCH_RELEVANCE, self._search), (Task.PURCHASE, self._purchase))
        return {kind: task for kind, task in tasks if task is not None}

    def run(self) -> tuple[Outcome, Path | None]:
        """Train, evaluate and export; returns the outcome and the folder of the bundle (None without export).

        A cancelled job returns early with what it has.
        """
        plan, around = self._plan, self._around
        if plan.is_evaluated:
            around.report(0.02, "embed", None)
            with self._clock.phase("embed"):
                embedder = Embedder(self._base, self._trunk, self._tokenizer, around.cache_dir, self._bf16)
                for task in self._tasks.values():
                    task.prepare_vectors(embedder)
        loop = self._train()
        if self._search is not None and plan.folds and plan.is_evaluated and not around.stop():
            self._train_folds(self._search)
        outcome = Outcome(loop.step, loop.loss, loop.checkpoint_step, loop.validations, seconds=self._clock.seconds)
        outcome.cost = loop.cost
        if not plan.is_evaluated or around.stop():
            return outcome, None
        validation_logits = self._evaluate(loop.model, outcome)
        if plan.skip_export or around.stop():
            return outcome, None
        return outcome, self._make_bundle(loop.model, outcome, validation_logits)

    def _train(self) -> TrainingLoop:
        with self._clock.phase("train"):
            sets = {kind: task.training_set() for kind, task in self._tasks.items()}
            hooks = Hooks(self._validate, self._report_step, self._around.stop)
            return self._trained(self._trunk, sets, "checkpoints", hooks)

    def _trained(self, trunk: torch.nn.Module, sets: dict[Task, TrainingSet], name: str, hooks: Hooks) -> TrainingLoop:
        """Run a training loop to its end, with as many processes as are configured."""
        return despite_losses(
            lambda attempt: self._attempt(load_trunk(self._base) if attempt else trunk, sets, name, hooks)
        )

    def _attempt(self, trunk: torch.nn.Module, sets: dict[Task, TrainingSet], name: str, hooks: Hooks) -> TrainingLoop:
        model = RankingModel(trunk, self._plan)
        wanted = self._plan.engine.precision
        model.bf16 = self._bf16 if wanted is Precision.SETTING else wanted is Precision.BFLOAT16
        model.fp16 = wanted is Precision.FLOAT16
        versions = "|".join(f"{kind}={found.version}" for kind, found in sorted(self._datasets.items()))
        digest = hashlib.sha256(f"{self._base.digest}|{versions}|{name}".encode()).hexdigest()
        folder, around = self._around.workdir / name, self._around
        work = ReplicaWork(self._plan, self._base, sets, folder, digest, around.threads, model.bf16, model.fp16)
        with together(around.processes, around.workdir, work) as replicas:
            loop = TrainingLoop(model, self._plan, sets, folder, digest, hooks, replicas)
            loop.run()
        return loop

    def _train_folds(self, search: SearchTask) -> None:
        """Train a model without each fold of the queries and score the fold's pairs with it.

        The models are trained as the final one is, other tasks included, but for validation, which would need queries
        that are neither taught nor judged.
        """
        rows, plan = search.evaluation_rows(), self._plan
        folds, logits = search.fold_of(rows), np.zeros(len(rows))
        for number in range(plan.folds):
            with self._clock.phase("folds"):
                sets = {kind: task.training_set() for kind, task in self._tasks.items() if kind is not search.task}
                sets[search.task] = search.training_set(without_fold=number)
                report = partial(self._report_fold, number)
                hooks = Hooks(lambda _: {}, report, self._around.stop)
                loop = self._trained(load_trunk(self._base), sets, f"checkpoints-fold-{number}", hooks)
                if self._around.stop():
                    return
                held = rows[folds == number]
                logits[folds == number] = loop.model.predict(search.task, search.encode_rows(held))
        search.fold_logits = logits

    def _report_fold(self, number: int, progress: Progress) -> None:
        share = (number + progress.step / self._plan.max_steps + 1) / (self._plan.folds + 1)
        self._around.report(0.1 + 0.5 * share, f"fold {number + 1} of {self._plan.folds}", None)

    def _validate(self, model: RankingModel) -> dict[Task, tuple[Figure, ...]]:
        with self._clock.phase("validate"):
            return {kind: task.validate(model) for kind, task in self._tasks.items()}

    def _report_step(self, progress: Progress) -> None:
        share = progress.step / self._plan.max_steps / (self._plan.folds + 1 if self._plan.is_evaluated else 1)
        self._around.report(0.1 + (0.5 if self._plan.is_evaluated else 0.85) * share, "train", progress)

    def _evaluate(self, model: RankingModel, outcome: Outcome) -> np.ndarray:
        """Choose the blend and compare with the baselines; returns the model's logits of the validation pairs."""
        report = self._around.report
        report(0.62, "blend", None)
        validation_logits = np.zeros(0)
        with self._clock.phase("blend"):
            if self._search is not None:
                encoded = self._search.encode_rows(self._search.validation_rows())
                validation_logits = model.predict(Task.SEARCH_RELEVANCE, encoded)
                self._search.choose_blend(validation_logits)
            if self._purchase is not None:
                self._purchase.choose_blend(model)
        report(0.7, "evaluate", None)
        with self._clock.phase("evaluate"):
            outcome.tasks = [task.evaluate(model) for task in self._tasks.values()]
        return validation_logits

    def _make_bundle(self, model: RankingModel, outcome: Outcome, validation_logits: np.ndarray) -> Path:
        self._around.report(0.85, "export", None)
        with self._clock.phase("export"):
            folder = self._export(model, validation_logits)
        outcome.files = bundle.write_manifest(folder.folder, self._facts(model, folder.parity, outcome))
        return folder.folder

    def _export(self, model: RankingModel, validation_logits: np.ndarray) -> bundle.Graphs:
        around, base = self._around, self._base
        folder = around.workdir / "bundle"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        merged = model.merged()
        merged.bf16 = merged.fp16 = False
        config, own = (base.folder / "config.json").read_text(), self._graph_parts()
        bones = export.skeleton(ExportModel(merged), config + own, around.cache_dir)
        pairs = self._probe_texts()
        probe = encode(self._tokenizer, pairs)
        parity = bundle.export_ranker(merged, bones, probe, folder, around.threads)
        parity |= self._embedder(None if own else bones, [second for _, second in pairs], folder)
        if self._search is not None:
            parity |= self._int8_loss(folder, validation_logits)
        self._tokenizer.no_truncation()
        self._tokenizer.save(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(self._plan.max_tokens, strategy="longest_first")
        bundle.write_tables(folder, self._search, self._purchase)
        graphs = bundle.Graphs(folder, parity)
        requests = bundle.golden(graphs, self._tokenizer, self._search, self._purchase, around.threads)
        bundle.write_json(folder / "golden.json", requests)
        return graphs

    def _graph_parts(self) -> str:
        """Say which parts of the method stay in the ranker's graph; "" when all are folded into the trunk."""
        return f"|{self._plan.method}={self._plan.tuning}" if self._plan.method in UNMERGEABLE else ""

    def _probe_texts(self) -> list[tuple[str, str]]:
        texts = [pair for task in self._tasks.values() for pair in task.probe_texts(_PROBE_PAIRS // len(self._tasks))]
        return texts[:_PROBE_PAIRS]

    def _embedder(self, bones: export.Skeleton | None, texts: list[str], folder: Path) -> dict[str, float]:
        """Put the frozen encoder's graphs into `folder` and compare them with the encoder.

        `bones` is the traced graph of the bare trunk; None when the ranker's graph holds more than that.
        """
        plain = replace(self._plan, method=Method.FULL, tuning=None)
        wrapper = ExportModel(RankingModel(load_trunk(self._base), plain)).eval()
        if bones is None:
            config = (self._base.folder / "config.json").read_text()
            bones = export.skeleton(wrapper, config, self._around.cache_dir)
        graphs = bundle.export_embedder(self._base, bones, dict(wrapper.named_parameters()), self._around.cache_dir)
        probe = encode(self._tokenizer, texts)
        with torch.inference_mode():
            expected = wrapper(*probe.tensors(np.arange(len(texts))))[2].double().numpy()
        fp32, int8 = (export.OnnxModel(path, self._around.threads).run(probe, export.EMBEDDING) for path in graphs)
        parity = {
            "embedder": export.require_parity("embedder", expected, fp32),
            "embedder_int8_cosine": float((expected * int8).sum(axis=1).min()),
        }
        for path in graphs:
            shutil.copyfile(path, folder / path.name)
        return parity

    def _int8_loss(self, folder: Path, logits: np.ndarray) -> dict[str, float]:
        """Measure what int8 costs on the validation queries."""
        assert self._search is not None
        encoded = self._search.encode_rows(self._search.validation_rows())
        small = export.OnnxModel(folder / bundle.RANKER_INT8, self._around.threads).run(encoded, "relevance")
        before, after = self._search.validation_ndcg(logits), self._search.validation_ndcg(small)
        return {"validation_ndcg@10": before, "validation_ndcg@10_int8": after, "int8_ndcg_loss": before - after}

    def _facts(self, model: RankingModel, parity: dict[str, float], outcome: Outcome) -> BundleFacts:
        plan = self._plan
        return BundleFacts(
            base_model=plan.base_model,
            training_job=self._around.job,
            dataset_versions={str(kind): found.version for kind, found in self._datasets.items()},
            max_tokens=plan.max_tokens,
            history_items=HISTORY_ITEMS,
            history_separator=HISTORY_SEPARATOR,
            embedding_dim=model.dim,
            search_blend=self._search.blend if self._search else {},
            recommend_blend=self._purchase.blend if self._purchase else {},
            recommend_rerank_top=RERANK_TOP,
            parity=parity,
            training={
                "plan": asdict(plan),
                "steps": outcome.steps,
                "bfloat16": self._bf16,
                "base_model_sha256": self._base.digest,
            },
        )
