"""Training speed: Aisle's loop beside the Hugging Face Trainer with its default collation and beside plain torch loops.

All take the same pairs in the same order through the same model, loss and optimizer settings, in turn, in one process with one thread.
Samples per processor second say what the padding costs; the mean loss over the same batches says that the result is the same.
"""

import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from aisle_trainer.domain.metrics import label_of_grade
from aisle_trainer.domain.plan import Plan, Task, TaskPlan, completed
from aisle_trainer.engines.base_models import find_base_model
from aisle_trainer.engines.encoder import bf16_is_fast, encode, load_tokenizer, load_trunk
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.steps import BUCKET_COST, length_buckets
from aisle_trainer.engines.training import Hooks, TrainingLoop, TrainingSet, _Objective

from benchmarks.figures import Row
from benchmarks.trainer.crowdflower import rows

SEED, BATCH, STEPS, ROUNDS, TOKENS = 7, 32, 2, 2, 256
TASK = Task.SEARCH_RELEVANCE


@dataclass
class Timed:
    """One contender's run."""

    pairs_per_cpu_second: float
    loss: float


class Setting:
    """The pairs and what every contender shares."""

    def __init__(self) -> None:
        from aisle_trainer.domain.methods import Method

        torch.set_num_threads(1)
        tasks = (TaskPlan(TASK, "datasets/j"),)
        self.plan = completed(
            Plan(
                tasks=tasks,
                method=Method.FULL,
                max_tokens=TOKENS,
                batch_size=BATCH,
                max_steps=STEPS,
                eval_every_steps=STEPS,
                seed=SEED,
            )
        )
        self.base = find_base_model(self.plan.base_model, None)
        drawn = rows().sample(BATCH * STEPS * 4, random_state=SEED)
        described = drawn["product_title"] + " " + drawn["product_description"].map(_without_tags)
        tokenizer = load_tokenizer(self.base, TOKENS)
        encoded = encode(tokenizer, list(zip(drawn["query"], described, strict=True)))
        labels = label_of_grade(drawn["median_relevance"].to_numpy(np.float64) - 1)
        # Lists of six, as pieces of queries are in a batch.
        self.data = TrainingSet(encoded, labels, np.ones(len(labels)), np.arange(len(labels)) // 6)
        self.tokenizer, self.bf16 = tokenizer, bf16_is_fast()

    def model(self) -> RankingModel:
        """A fresh model; the same weights every time."""
        model = RankingModel(load_trunk(self.base), self.plan)
        model.bf16 = self.bf16
        return model

    def batches(self) -> list[np.ndarray]:
        """The rows of each step, as Aisle's loop takes them."""
        from aisle_trainer.domain.sampling import BatchPlan

        plan = BatchPlan(self.data.lists, BATCH, SEED, 0)
        return [plan.batch(step) for step in range(STEPS)]

    def rates(self) -> list[float]:
        """The share of the peak learning rate in each step."""
        from aisle_trainer.domain.engine import rate_share

        return [rate_share(step, STEPS, self.plan.engine) for step in range(STEPS)]


def aisle(setting: Setting) -> Timed:
    """The trainer's own loop, checkpoint left out as in the others."""
    model = setting.model()
    hooks = Hooks(lambda _: {}, lambda _: None, lambda: False)
    with tempfile.TemporaryDirectory() as folder:
        loop = TrainingLoop(model, setting.plan, {TASK: setting.data}, Path(folder), "speed", hooks)
        begun = time.process_time()
        for _ in range(STEPS):
            loop._timed_step()
        seconds = time.process_time() - begun
    return Timed(loop.cost.pairs / seconds, float(np.mean(loop.losses)))


def plain(setting: Setting, bucketed: bool) -> Timed:
    """A loop written by hand; every batch padded to its longest pair, or cut into buckets."""
    model, data = setting.model(), setting.data
    optimizer = torch.optim.AdamW(model.groups(setting.plan), betas=(0.9, 0.98), fused=True)
    parameters = [p for _, p in model.trainable()]
    batches, rates, losses = setting.batches(), setting.rates(), []
    model.train()
    begun = time.process_time()
    for batch, share in zip(batches, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * share
        parts = length_buckets(data.encoded.lengths[batch], BUCKET_COST) if bucketed else [np.arange(len(batch))]
        logits = torch.cat([model.logits(TASK, *data.encoded.tensors(batch[part])) for part in parts])
        order = torch.from_numpy(np.argsort(np.concatenate(parts), kind="stable"))
        loss = _Objective(data, batch)(logits[order])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
    seconds = time.process_time() - begun
    return Timed(sum(map(len, batches)) / seconds, float(np.mean(losses)))


class _Scored(torch.nn.Module):
    """What the Hugging Face Trainer wants: a loss from a batch."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.model, self._data, self.losses = setting.model(), setting.data, []

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any, row: Any) -> dict[str, Any]:
        logits = self.model.logits(TASK, input_ids, attention_mask, token_type_ids)
        loss = _Objective(self._data, row.numpy())(logits)
        self.losses.append(float(loss.detach()))
        return {"loss": loss, "logits": logits}


def hugging_face(setting: Setting) -> Timed:
    """transformers.Trainer, batches padded by the collator that it takes when it is given a tokenizer."""
    import transformers
    from transformers import PreTrainedTokenizerFast, Trainer, TrainingArguments

    wrapped, data = _Scored(setting), setting.data
    batches = setting.batches()
    order = np.concatenate(batches)
    examples = [
        {
            "input_ids": data.encoded.ids[row],
            "attention_mask": [1] * len(data.encoded.ids[row]),
            "token_type_ids": data.encoded.types[row],
            "row": int(row),
        }
        for row in order
    ]

    class InOrder(Trainer):
        def get_train_dataloader(self) -> Any:
            cuts = np.split(np.arange(len(order)), np.cumsum([len(b) for b in batches])[:-1])
            return torch.utils.data.DataLoader(
                examples, batch_sampler=[c.tolist() for c in cuts], collate_fn=self.data_collator
            )

    optimizer = torch.optim.AdamW(wrapped.model.groups(setting.plan), betas=(0.9, 0.98), fused=True)
    shares = setting.rates()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: shares[min(step, STEPS - 1)])
    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=STEPS,
            use_cpu=True,
            bf16=setting.bf16,
            max_grad_norm=1.0,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            seed=SEED,
        )
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=setting.tokenizer, pad_token="[PAD]")
        trainer = InOrder(
            model=wrapped,
            args=arguments,
            train_dataset=examples,
            processing_class=tokenizer,
            optimizers=(optimizer, schedule),
        )
        begun = time.process_time()
        trainer.train()
        seconds = time.process_time() - begun
    return Timed(len(order) / seconds, float(np.mean(wrapped.losses)))


def _without_tags(text: str) -> str:
    return re.sub(r"<[^>]+>", " ", text)


def trainer_speed() -> Row:
    """Samples per processor second of Aisle's loop over those of the Hugging Face Trainer."""
    setting = Setting()
    contenders: dict[str, Callable[[], Timed]] = {
        "aisle": lambda: aisle(setting),
        "bare bucketed loop": lambda: plain(setting, True),
        "plain torch loop": lambda: plain(setting, False),
        "hugging face trainer": lambda: hugging_face(setting),
    }
    found: dict[str, list[Timed]] = {name: [] for name in contenders}
    for number in range(ROUNDS):
        for name, run in contenders.items():
            found[name].append(run())
            print(f"{number} {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    speed = {name: np.array([entry.pairs_per_cpu_second for entry in runs]) for name, runs in found.items()}
    ratio = speed["aisle"] / speed["hugging face trainer"]
    overhead = speed["bare bucketed loop"] / speed["aisle"] - 1
    lengths = setting.data.encoded.lengths
    losses = ", ".join(f"{name} {runs[0].loss:.4f}" for name, runs in found.items())
    return Row(
        value=float(np.median(ratio)),
        lower=float(ratio.min()),
        upper=float(ratio.max()),
        unit="x the Hugging Face Trainer's samples per CPU-second [least, most of the rounds]",
        protocol=(
            f"crowdflower_search, query against title and description, up to {TOKENS} tokens "
            f"(median {np.median(lengths):.0f}, mean {lengths.mean():.0f}), full fine-tuning of MiniLM, "
            f"{STEPS} steps of up to {BATCH} pairs in the same order, {ROUNDS} rounds in turn, 1 thread, bfloat16 {setting.bf16}; "
            f"overhead over the bare bucketed loop {np.median(overhead):+.1%} "
            f"[{overhead.min():+.1%}, {overhead.max():+.1%}]; mean loss of the same batches: {losses}"
        ),
        target=">= 1.5 x the Trainer; overhead <= 5 %",
        baselines={f"{name}, samples/CPU-s": float(np.median(values)) for name, values in speed.items()},
        seed=SEED,
    )
