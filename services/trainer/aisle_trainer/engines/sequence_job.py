"""One job of sequential recommendation, from the table of orders or events to the model that names the next item."""

import hashlib
import json
import shutil
import warnings
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aisle_trainer.domain import sequences
from aisle_trainer.domain.engine import Precision
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.domain.report import BundleFile, Outcome, SystemReport, TaskReport
from aisle_trainer.domain.sequence_options import ItemInput
from aisle_trainer.domain.sequences import Ints, Scorer
from aisle_trainer.engines import bundle, export, next_items, sequence_baselines
from aisle_trainer.engines.base_models import find_base_model
from aisle_trainer.engines.encoder import Embedder, bf16_is_fast, load_tokenizer, load_trunk
from aisle_trainer.engines.pipeline import Clock, Dataset, Surroundings
from aisle_trainer.engines.sequence_data import build_sequence_data
from aisle_trainer.engines.sequence_model import SequenceModel
from aisle_trainer.engines.sequence_training import SequenceLoop, padded, score_with
from aisle_trainer.engines.training import Progress

VALIDATION_CUSTOMERS = 4_000
"""Customers at most that choices look at, drawn by the seed."""
_CHECKED = 64


class SequenceRun:
    """One attempt at a job of sequential recommendation."""

    def __init__(self, plan: Plan, dataset: Dataset, around: Surroundings) -> None:
        """Check the data; raises what is wrong with it."""
        torch.set_num_threads(around.threads)
        self._plan, self._around, self._clock = plan, around, Clock()
        with self._clock.phase("prepare"):
            self.data = build_sequence_data(dataset.table, dataset.version, plan.sequence.shuffle_days, plan.seed)
            self._base = find_base_model(plan.base_model, around.base_models_dir)
        self._bf16 = around.precision == "bfloat16" or (around.precision == "auto" and bf16_is_fast())

    def run(self) -> tuple[Outcome, Path | None]:
        """Train, evaluate and export; returns the outcome and the folder of the model (None without export).

        A cancelled job returns early with what it has.
        """
        around = self._around
        around.report(0.02, "embed", None)
        with self._clock.phase("embed"):
            text = self._vectors()
        around.report(0.1, "train", None)
        with self._clock.phase("train"):
            loop = self._train(text)
        outcome = Outcome(loop.step, loop.loss, loop.checkpoint_step, loop.validations, seconds=self._clock.seconds)
        outcome.cost = loop.cost
        if not self._plan.is_evaluated or around.stop():
            return outcome, None
        around.report(0.75, "evaluate", None)
        with self._clock.phase("evaluate"):
            without_seen = self._hides_seen(loop.model)
            outcome.tasks = [self._evaluate(loop.model, without_seen)]
        if self._plan.skip_export or around.stop():
            return outcome, None
        around.report(0.9, "export", None)
        with self._clock.phase("export"):
            folder = self._export(loop.model, without_seen)
            outcome.files = _manifest(folder, around.job, self.data.dataset_version)
        return outcome, folder

    def _vectors(self) -> NDArray[np.float32] | None:
        """What the frozen encoder reads in the titles, centred and of length 1; None with ids alone, or without titles."""
        titles = self.data.titles
        if self._plan.sequence.items is ItemInput.IDS or not any(titles):
            return None
        around = self._around
        tokenizer, trunk = load_tokenizer(self._base, self._plan.max_tokens), load_trunk(self._base)
        known = np.array([bool(title) for title in titles])
        found = Embedder(self._base, trunk, tokenizer, around.cache_dir, self._bf16).embed(
            [one for one in titles if one]
        )
        found = found - found.mean(axis=0)
        vectors = np.zeros((len(titles), found.shape[1]), dtype=np.float32)
        vectors[known] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        return vectors

    def _train(self, text: NDArray[np.float32] | None) -> SequenceLoop:
        data, plan, around = self.data, self._plan, self._around
        torch.manual_seed(plan.seed)
        model = SequenceModel(len(data.product_ids), plan.sequence, text)
        wanted = plan.engine.precision
        model.bf16 = self._bf16 if wanted is Precision.SETTING else wanted is Precision.BFLOAT16
        histories, targets = self._validation()

        def validate(now: SequenceModel) -> tuple[Figure, ...]:
            found = sequences.ranks(partial(score_with, now), histories, targets).best()
            return (
                Figure.point("ndcg@10", float(sequences.ndcg_rows(found).mean()), len(found)),
                Figure.point("recall@10", float(sequences.recall_rows(found).mean()), len(found)),
            )

        digest = hashlib.sha256(
            f"{self._base.digest}|{data.dataset_version}|{model.bf16}|sequence".encode()
        ).hexdigest()
        loop = SequenceLoop(
            model,
            plan,
            data.training(),
            around.workdir / "checkpoints",
            digest,
            validate,
            self._report_step,
            around.stop,
        )
        loop.run()
        return loop

    def _validation(self) -> tuple[list[Ints], Ints]:
        """Histories of the customers that choices look at, and what each took next."""
        histories, targets = self.data.held(2)
        drawn = np.random.default_rng(self._plan.seed).permutation(len(targets))[:VALIDATION_CUSTOMERS]
        return [histories[row] for row in drawn], targets[drawn]

    def _report_step(self, progress: Progress) -> None:
        self._around.report(0.1 + 0.65 * progress.step / self._plan.max_steps, "train", progress)

    def _hides_seen(self, model: SequenceModel) -> bool:
        """Say whether items of the history are better left out, on the validation items."""
        return sequences.ranks(partial(score_with, model), *self._validation()).hides_seen()

    def _evaluate(self, model: SequenceModel, without_seen: bool) -> TaskReport:
        """Compare the systems on the test items; all leave the items of the history out, or none does."""
        data, seed = self.data, self._plan.seed
        histories, targets = data.held(1)
        training, items = data.training(), len(data.product_ids)
        makers = {
            "popularity": sequence_baselines.popularity,
            "item_knn": sequence_baselines.item_neighbours,
        }
        if items <= sequence_baselines.MOST_EASE_ITEMS:
            makers["ease_r"] = sequence_baselines.linear_autoencoder
        model_scorer: Scorer = partial(score_with, model)
        found = {"model": sequences.ranks(model_scorer, histories, targets).of(without_seen)}
        for name, make in makers.items():
            found[name] = sequences.ranks(make(training, items), histories, targets).of(without_seen)
        systems = tuple(SystemReport(name, sequences.figures(values, seed)) for name, values in found.items())
        differences = tuple(
            sequences.difference(f"ndcg@10:{name}", found["model"], values, seed)
            for name, values in found.items()
            if name != "model"
        )
        seen = "; items of the history left out" if without_seen else ""
        split = sequences.split_in_words(self._plan.sequence.shuffle_days) + seen
        return TaskReport(Task.SEQUENCE, data.dataset_version, split, systems, (), differences)

    def _export(self, model: SequenceModel, without_seen: bool) -> Path:
        around, data = self._around, self.data
        folder = around.workdir / "sequence"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        write_graph(model, folder / next_items.GRAPH)
        counts = np.bincount(np.concatenate(data.sequences), minlength=len(data.product_ids))
        next_items.write_items(folder / next_items.ITEMS, data.product_ids, data.titles, counts)
        settings = {
            "format": next_items.FORMAT,
            "max_history": model.options.history,
            "without_seen": without_seen,
            "training_job": around.job,
            "dataset_version": data.dataset_version,
            "plan": asdict(self._plan),
        }
        (folder / next_items.SETTINGS).write_text(json.dumps(settings, indent=1))
        histories = data.held(1)[0][:_CHECKED]
        answers = next_items.NextItemModel(folder, around.threads).scores(histories)
        expected = score_with(model, histories)
        export.require_parity("next-item model", expected.astype(np.float64), answers.astype(np.float64))
        return folder


class ExportSequence(nn.Module):
    """The model with its item vectors worked out once."""

    def __init__(self, model: SequenceModel) -> None:
        """Take the weights of `model` as they are."""
        super().__init__()
        self.model = model
        with torch.no_grad():
            self.table = nn.Parameter(model.table().detach().clone(), requires_grad=False)

    def forward(self, histories: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) item numbers 1.., 0 behind, (batch,) -> (batch, items)."""
        return self.model.scored(histories, lengths, self.table)


def write_graph(model: SequenceModel, path: Path) -> None:
    """Write the graph that scores every item as the next of a history."""
    wrapper = ExportSequence(model).eval()
    example = padded([np.arange(3) % 2, np.arange(2) % 2]), torch.tensor([3, 2])
    batch, seq = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("seq", min=2, max=model.options.history)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            wrapper,
            example,
            dynamo=True,
            dynamic_shapes={"histories": {0: batch, 1: seq}, "lengths": {0: batch}},
            input_names=list(next_items.INPUTS),
            output_names=[next_items.OUTPUT],
            opset_version=export.OPSET,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    for node in graph.graph.node:
        del node.metadata_props[:]  # names source files of this machine
        node.doc_string = ""
    path.write_bytes(graph.SerializeToString())


def _manifest(folder: Path, job: str, version: str) -> list[BundleFile]:
    """Digest the files, write the manifest beside them and return all, the manifest last."""
    files = [bundle.digested(path) for path in sorted(folder.iterdir())]
    manifest = {
        "format": next_items.FORMAT,
        "training_job": job,
        "dataset_versions": {str(Task.SEQUENCE): version},
        "files": {file.path: {"sha256": file.sha256, "size_bytes": file.size_bytes} for file in files},
    }
    (folder / next_items.MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
    return [*files, bundle.digested(folder / next_items.MANIFEST)]
