"""One job of pair matching, from the table of pairs to the matcher."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from aisle_trainer.domain.matching import Record, best_threshold, f1_difference, match_figures
from aisle_trainer.domain.methods import Method
from aisle_trainer.domain.metrics import Figure, auc, log_loss_rows
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.domain.report import BundleFile, Outcome, SystemReport, TaskReport
from aisle_trainer.domain.splits import Role
from aisle_trainer.engines import bundle, export, matcher
from aisle_trainer.engines.base_models import find_base_model
from aisle_trainer.engines.encoder import Embedder, Encoded, bf16_is_fast, encode, load_tokenizer, load_trunk
from aisle_trainer.engines.matcher import MatcherSettings, logit
from aisle_trainer.engines.model import ExportModel, RankingModel
from aisle_trainer.engines.pair_data import PairData, build_pair_data
from aisle_trainer.engines.pair_features import FEATURES, PairFeatures, Side
from aisle_trainer.engines.pair_trees import PairTrees
from aisle_trainer.engines.pipeline import Clock, Dataset, Surroundings
from aisle_trainer.engines.training import Hooks, Progress, TrainingLoop, TrainingSet
from aisle_trainer.errors import ExportParityFailed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HARD_NEGATIVES = 2
"""Non-matches per match that the encoder is trained on: those that the trees found hardest. The rest teach it little and cost most."""
VALIDATION_PAIRS = 400
"""Pairs at most in the validations during training."""
SCORE_LIMIT = 0.02
"""How far a matcher's answer may be from what the job computed, mean over the pairs checked."""
_CHECKED_PAIRS = 64


class MatchRun:
    """One attempt at a job of pair matching."""

    def __init__(self, plan: Plan, dataset: Dataset, around: Surroundings) -> None:
        """Check the pairs and load the base model; raises what is wrong with either."""
        torch.set_num_threads(around.threads)
        self._plan, self._around, self._clock = plan, around, Clock()
        with self._clock.phase("prepare"):
            self.data: PairData = build_pair_data(dataset.table, dataset.version)
            self._base = find_base_model(plan.base_model, around.base_models_dir)
            self._tokenizer = load_tokenizer(self._base, plan.max_tokens)
            self._trunk = load_trunk(self._base)
        self._bf16 = around.precision == "bfloat16" or (around.precision == "auto" and bf16_is_fast())

    def run(self) -> tuple[Outcome, Path | None]:
        """Train, evaluate and export; returns the outcome and the folder of the matcher (None without export).

        A cancelled job returns early with what it has.
        """
        around, data = self._around, self.data
        around.report(0.02, "embed", None)
        with self._clock.phase("embed"):
            left, right = self._sides()
            features = PairFeatures(left, right).of(data.pairs)
        around.report(0.1, "train", None)
        with self._clock.phase("train"):
            train = data.rows(Role.TRAIN)
            trees = PairTrees(features[train], data.labels[train], self._plan.seed)
            scores = trees.predict(features)
            loop = None if self._plan.method is Method.FROZEN else self._train_reader(scores)
        outcome = Outcome(1, 0.0, 0, [], seconds=self._clock.seconds)
        if loop is not None:
            outcome = Outcome(loop.step, loop.loss, loop.checkpoint_step, loop.validations, seconds=self._clock.seconds)
        if around.stop():
            return outcome, None
        around.report(0.75, "evaluate", None)
        with self._clock.phase("evaluate"):
            reader = None if loop is None else self._read(loop.model)
            settings, systems = self._combine(features, scores, reader)
            outcome.tasks = [self._report(settings, systems)]
        if self._plan.skip_export:
            return outcome, None
        around.report(0.85, "export", None)
        with self._clock.phase("export"):
            folder = self._export(trees, settings, systems["model"], (left, right), loop.model if loop else None)
            outcome.files = _manifest(folder, self._around.job, data.dataset_version)
        return outcome, folder

    def _sides(self) -> tuple[Side, Side]:
        embedder = Embedder(self._base, self._trunk, self._tokenizer, self._around.cache_dir, self._bf16)

        def side(records: Sequence[Record]) -> Side:
            return Side.read(records, embedder.embed([record.reading for record in records]))

        return side(self.data.left), side(self.data.right)

    def _texts(self, rows: Ints) -> list[tuple[str, str]]:
        data = self.data
        return [(data.left[one].reading, data.right[two].reading) for one, two in data.pairs[rows]]

    def _encoded(self, rows: Ints) -> Encoded:
        return encode(self._tokenizer, self._texts(rows))

    def _train_reader(self, trees: Floats) -> TrainingLoop:
        """Train the encoder to read both records together, on every match and the non-matches that are hardest."""
        data, plan = self.data, self._plan
        rows = data.rows(Role.TRAIN)
        rows = hardest(data.labels, rows, trees[rows], HARD_NEGATIVES)
        lists = data.pairs[rows, 0]
        held = data.rows(Role.VALIDATION)
        held = hardest(data.labels, held, trees[held], HARD_NEGATIVES)[:VALIDATION_PAIRS]
        encoded, labels = self._encoded(held), data.labels[held]

        def validate(model: RankingModel) -> dict[Task, tuple[Figure, ...]]:
            scores = model.predict(Task.PAIR_MATCHING, encoded)
            loss = float(log_loss_rows(labels, 1 / (1 + np.exp(-scores))).mean())
            return {
                Task.PAIR_MATCHING: (
                    Figure.point("auc_hard", auc(labels, scores), len(held)),
                    Figure.point("log_loss_hard", loss, len(held)),
                )
            }

        sets = {Task.PAIR_MATCHING: TrainingSet(self._encoded(rows), data.labels[rows], np.ones(len(rows)), lists)}
        model = RankingModel(self._trunk, plan)
        model.bf16 = self._bf16
        digest = hashlib.sha256(f"{self._base.digest}|{data.dataset_version}|matching".encode()).hexdigest()
        hooks = Hooks(validate, self._report_step, self._around.stop)
        loop = TrainingLoop(model, plan, sets, self._around.workdir / "checkpoints", digest, hooks)
        loop.run()
        return loop

    def _report_step(self, progress: Progress) -> None:
        self._around.report(0.15 + 0.6 * progress.step / self._plan.max_steps, "train", progress)

    def _read(self, model: RankingModel) -> Floats:
        """The trained encoder's logits of the validation and test pairs; NaN elsewhere, where it has seen the labels."""
        logits = np.full(len(self.data.labels), np.nan)
        rows = np.flatnonzero(self.data.roles != Role.TRAIN).astype(np.int64)
        logits[rows] = model.predict(Task.PAIR_MATCHING, self._encoded(rows))
        return logits

    def _combine(
        self, features: Floats, trees: Floats, reader: Floats | None
    ) -> tuple[MatcherSettings, dict[str, Floats]]:
        """Choose weights and threshold on the validation pairs; returns them and the scores of every system."""
        held, labels = self.data.rows(Role.VALIDATION), self.data.labels
        settings = MatcherSettings(0.5, self._plan.max_tokens)
        cosine = FEATURES.index("text_cosine"), FEATURES.index("vector_cosine")
        scores = {"zero_shot": features[:, cosine[1]], "tfidf": features[:, cosine[0]]}
        if reader is not None:
            inputs = np.column_stack([logit(trees), reader])
            settings = _stacked(inputs[held], labels[held], settings)
            scores |= {"without_encoder_training": trees, "encoder": reader}
        scores["model"] = settings.combine(trees, reader)
        threshold = best_threshold(labels[held], scores["model"][held])
        return replace(settings, threshold=threshold), scores

    def _report(self, settings: MatcherSettings, scores: dict[str, Floats]) -> TaskReport:
        """Compare the systems on the test pairs, each with the threshold that is best for it on the validation pairs."""
        data, seed = self.data, self._plan.seed
        held, test = data.rows(Role.VALIDATION), data.rows(Role.TEST)
        labels, units = data.labels[test], data.pairs[test, 0]
        found: dict[str, Floats] = {}
        for name, values in scores.items():
            cut = settings.threshold if name == "model" else best_threshold_of(data.labels[held], values[held])
            found[name] = (values[test] >= cut).astype(np.float64)
        systems = tuple(
            SystemReport(name, match_figures(labels, found[name], units, seed)) for name in sorted(found, key=_first)
        )
        differences = tuple(
            f1_difference(f"f1:{name}", labels, found["model"], values, units, seed)
            for name, values in found.items()
            if name != "model"
        )
        return TaskReport(Task.PAIR_MATCHING, data.dataset_version, data.split, systems, (), differences)

    def _export(
        self,
        trees: PairTrees,
        settings: MatcherSettings,
        scores: Floats,
        sides: tuple[Side, Side],
        model: RankingModel | None,
    ) -> Path:
        around = self._around
        folder = around.workdir / "matcher"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        (folder / matcher.TREES).write_bytes(trees.graph())
        matcher.write_sides(folder / matcher.RECORDS, *sides)
        fresh = RankingModel(load_trunk(self._base), self._plan).merged()
        wrapper = ExportModel(fresh).eval()
        bones = export.skeleton(wrapper, (self._base.folder / "config.json").read_text(), around.cache_dir)
        graph, _ = bundle.export_embedder(self._base, bones, dict(wrapper.named_parameters()), around.cache_dir)
        shutil.copyfile(graph, folder / matcher.EMBEDDER)
        if model is not None:
            merged = model.merged()
            merged.bf16 = False
            state = dict(ExportModel(merged).eval().named_parameters())
            export.fill(bones, state, (matcher.READER_OUTPUT,), folder / matcher.READER)
        self._tokenizer.no_truncation()
        self._tokenizer.save(str(folder / matcher.TOKENIZER))
        self._tokenizer.enable_truncation(self._plan.max_tokens, strategy="longest_first")
        facts = {"training_job": around.job, "dataset_version": self.data.dataset_version, "plan": asdict(self._plan)}
        matcher.write_settings(folder / matcher.SETTINGS, settings, facts)
        self._check(folder, scores)
        return folder

    def _check(self, folder: Path, scores: Floats) -> None:
        """Ask the matcher about test pairs; raises ExportParityFailed when it answers something else than was evaluated."""
        rows = self.data.rows(Role.TEST)
        rows = rows[:: max(1, len(rows) // _CHECKED_PAIRS)][:_CHECKED_PAIRS]
        loaded = matcher.Matcher(folder, self._around.threads)
        answers = loaded.score([(self.data.left[one], self.data.right[two]) for one, two in self.data.pairs[rows]])
        apart = float(np.abs(answers - scores[rows]).mean())
        if not apart < SCORE_LIMIT:
            raise ExportParityFailed(
                f"The matcher's scores are {apart:.3g} from those evaluated, mean over {len(rows)} pairs.",
                next_step="Train again; if it stays, report the versions of torch, onnx and skl2onnx.",
                facts={"graph": "matcher", "difference": f"{apart:.6g}", "limit": f"{SCORE_LIMIT:g}"},
            )


def hardest(labels: Floats, rows: Ints, scores: Floats, per_match: int) -> Ints:
    """Return of `rows` every match and, per match, `per_match` non-matches with the highest `scores` (one per row), sorted."""
    matches, others = rows[labels[rows] == 1], rows[labels[rows] == 0]
    order = np.argsort(-scores[labels[rows] == 0], kind="stable")
    return np.sort(np.concatenate([matches, others[order[: per_match * len(matches)]]]))


def best_threshold_of(labels: Floats, scores: Floats) -> float:
    """`best_threshold` of scores on any scale."""
    low, high = float(scores.min()), float(scores.max())
    span = max(high - low, 1e-12)
    return low + span * best_threshold(labels, (scores - low) / span)


def _stacked(inputs: Floats, labels: Floats, settings: MatcherSettings) -> MatcherSettings:
    """Weights of the two logits, none below 0, by logistic regression on pairs that neither was trained on."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0).fit(inputs, labels)
    trees, reader = (max(0.0, float(weight)) for weight in model.coef_[0])
    return replace(settings, trees_weight=trees, reader_weight=reader, bias=float(model.intercept_[0]))


def _first(name: str) -> tuple[bool, str]:
    return name != "model", name


def _manifest(folder: Path, job: str, version: str) -> list[BundleFile]:
    """Digest the files, write the manifest beside them and return all, the manifest last."""
    files = [bundle.digested(path) for path in sorted(folder.iterdir())]
    manifest = {
        "format": matcher.FORMAT,
        "training_job": job,
        "dataset_versions": {str(Task.PAIR_MATCHING): version},
        "files": {file.path: {"sha256": file.sha256, "size_bytes": file.size_bytes} for file in files},
    }
    (folder / matcher.MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
    return [*files, bundle.digested(folder / matcher.MANIFEST)]
