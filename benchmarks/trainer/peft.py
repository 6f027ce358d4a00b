"""Fine-tuning methods side by side on crowdflower_search: trained parameters, memory, time and NDCG@10 of unseen queries.

Every method starts from the same encoder and sees the same batches, at the trainer's default learning rate for it. The best weights
are chosen on validation queries. The score is the neural one alone, without the blend.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Row

SEED, STEPS, RANK = 7, 120, 8
METHODS = ("full", "lora", "bottleneck", "adalora", "dora", "bitfit", "ia3", "prefix", "prompt")
THREADS = 1


def one(method: str, learning_rate: float = 0.0, steps: int = STEPS, judged: bool = True) -> dict[str, Any]:
    """Train with one method in this process; returns what it took and NDCG@10 per test query."""
    import torch
    from aisle_trainer.domain import metrics
    from aisle_trainer.domain.effort import FULL
    from aisle_trainer.domain.methods import AdaptiveLowRank, Bottleneck, LowRank, Method, Target
    from aisle_trainer.domain.plan import Plan, Task, TaskPlan, completed
    from aisle_trainer.domain.splits import Role
    from aisle_trainer.engines.base_models import find_base_model
    from aisle_trainer.engines.encoder import bf16_is_fast, load_tokenizer, load_trunk
    from aisle_trainer.engines.model import RankingModel
    from aisle_trainer.engines.search_task import SearchTask
    from aisle_trainer.engines.training import Hooks, TrainingLoop

    from benchmarks.trainer.crowdflower import judgments

    torch.set_num_threads(THREADS)
    tuning = {
        "lora": LowRank(target=Target.ATTENTION),
        "dora": LowRank(target=Target.ATTENTION),
        "adalora": AdaptiveLowRank(target=Target.ATTENTION),
        "bottleneck": Bottleneck(width=12),
    }.get(method)
    plan = completed(
        Plan(
            tasks=(TaskPlan(Task.SEARCH_RELEVANCE, "datasets/j"),),
            method=Method(method),
            learning_rate=learning_rate,
            max_steps=steps,
            eval_every_steps=max(1, steps // 6),
            patience=6,
            max_tokens=48,
            lora_rank=RANK,
            seed=SEED,
            tuning=tuning,
        )
    )
    base, data = find_base_model(plan.base_model, None), judgments()
    task = SearchTask(data, load_tokenizer(base, plan.max_tokens), plan, FULL)
    model = RankingModel(load_trunk(base), plan)
    model.bf16 = bf16_is_fast()
    hooks = Hooks(lambda now: {task.task: task.validate(now)}, lambda _: None, lambda: False)
    with tempfile.TemporaryDirectory() as folder:
        loop = TrainingLoop(model, plan, {task.task: task.training_set()}, Path(folder), "crowdflower", hooks)
        loop.run()
    found: dict[str, Any] = {
        "method": method,
        "learning_rate": plan.learning_rate,
        "validation": [entry.score for entry in loop.validations],
        "cost": asdict(loop.cost),
        "bfloat16": model.bf16,
    }
    if judged:
        groups = data.groups(Role.TEST)
        pairs = np.concatenate(groups)
        scores = model.predict(task.task, task.encode_rows(pairs))
        parts = np.split(scores, np.cumsum([len(group) for group in groups])[:-1])
        found["ndcg"] = [metrics.ndcg(data.grades[g], s) for g, s in zip(groups, parts, strict=True)]
    return found


def elsewhere(method: str) -> dict[str, Any]:
    """Do `one` in a process of its own, so that each method's memory is its own."""
    command = [sys.executable, "-m", "benchmarks.trainer.peft", method]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def peft_table() -> Row:
    """The difference to full fine-tuning of the best method among LoRA, AdaLoRA and bottleneck adapters, with the whole table."""
    from aisle_trainer.domain.metrics import bootstrap_weights, mean_figure

    from benchmarks.trainer.crowdflower import SPLIT

    begun, found = time.monotonic(), {}
    for method in METHODS:
        found[method] = elsewhere(method)
        reached = f"validation {max(found[method]['validation']):.4f}, test {np.nanmean(found[method]['ndcg']):.4f}"
        print(f"{method}: {reached}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    usable = ~np.isnan(np.array(found["full"]["ndcg"]))
    values = {method: np.array(entry["ndcg"])[usable] for method, entry in found.items()}
    draws = bootstrap_weights(int(usable.sum()), SEED)
    lines, table = [], {}
    for method, entry in found.items():
        cost, gap = entry["cost"], mean_figure("gap", values[method] - values["full"], draws)
        share = 100 * cost["trainable"] / cost["parameters"]
        table[method] = (share, gap, max(entry["validation"]))
        lines.append(
            f"{method}: NDCG@10 {values[method].mean():.4f} (full {gap.value:+.4f} [{gap.lower:+.4f}, {gap.upper:+.4f}]), "
            f"validation {max(entry['validation']):.4f}, trained {share:.2f} % ({cost['trunk_trainable'] / 1e3:.0f} k in the trunk), "
            f"peak {cost['peak_memory_bytes'] / 2**20:.0f} MiB, {cost['step_cpu_seconds']:.0f} CPU-s of steps, "
            f"rate {entry['learning_rate']:g}"
        )
    print("\n".join(lines), file=sys.stderr)
    small = [m for m in ("lora", "adalora", "bottleneck") if table[m][0] <= 2]
    best = max(small, key=lambda method: table[method][2])
    gap = table[best][1]
    return Row(
        value=gap.value,
        lower=gap.lower,
        upper=gap.upper,
        unit=f"NDCG@10 of {best} minus full fine-tuning, paired over {int(usable.sum())} queries",
        protocol=(
            f"crowdflower_search titles, {SPLIT}; {STEPS} steps of 32 pairs, 48 tokens, rank {RANK} on queries, keys and values, "
            f"bottleneck width 12, rates are the defaults, best weights by validation; of lora, adalora and bottleneck with at most "
            f"2 % trained the one best on validation; bfloat16 {found['full']['bfloat16']}, {THREADS} thread. "
            + "; ".join(lines)
        ),
        target="within 0.005 at <= 2 % trainable parameters",
        baselines={method: float(values[method].mean()) for method in METHODS},
        seed=SEED,
    )


if __name__ == "__main__":
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else STEPS
    print(json.dumps(one(sys.argv[1], rate, steps, judged=len(sys.argv) <= 2)))
