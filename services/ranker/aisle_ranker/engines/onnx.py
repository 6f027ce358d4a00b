"""The embedded engine: ONNX Runtime in a small pool of threads, so that the event loop never waits for a model."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from aisle_ranker.domain.engine import Inference
from aisle_ranker.domain.tokens import TokenBatch
from aisle_ranker.errors import BundleInvalid, EngineUnavailable

NAME = "onnxruntime"
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_QUIET = 3
_log = logging.getLogger(__name__)


class OnnxEngine:
    """Both models of one bundle, loaded into this process."""

    def __init__(self, models: Mapping[str, Path], executor: Executor, workers: int, threads: int) -> None:
        """Load the files; `executor` has `workers` threads and each run uses `threads`. Blocks for a second or so.

        Raises BundleInvalid for a file that is not a model with the promised inputs.
        """
        self._executor, self._workers = executor, workers
        self._sessions = {name: _open(name, path, threads) for name, path in models.items()}

    @property
    def name(self) -> str:
        """`onnxruntime`."""
        return NAME

    @property
    def workers(self) -> int:
        """Runs at the same time."""
        return self._workers

    async def run(self, model: str, batch: TokenBatch, outputs: Sequence[str], timeout: float | None) -> Inference:
        """Run a model; raises TimeoutError after `timeout` seconds (the run itself ends in its thread)."""
        loop = asyncio.get_running_loop()
        try:
            work = loop.run_in_executor(self._executor, self._run, model, batch, tuple(outputs))
        except RuntimeError:  # the executor is shut down
            raise EngineUnavailable from None
        return await asyncio.wait_for(work, timeout)

    async def close(self) -> None:
        """Drop the sessions; a run under way keeps its own until it ends."""
        self._sessions = {}

    def _run(self, model: str, batch: TokenBatch, outputs: tuple[str, ...]) -> Inference:
        session, names = self._sessions.get(model, (None, ()))
        if session is None:
            raise EngineUnavailable
        given = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        given["token_type_ids"] = batch.token_type_ids
        started = time.perf_counter()
        try:
            values = session.run(list(outputs), {name: given[name] for name in names})
        except Exception as error:
            _log.error("a model run failed", exc_info=error)
            raise EngineUnavailable from error
        seconds = time.perf_counter() - started
        arrays = {name: np.asarray(value, dtype=np.float32) for name, value in zip(outputs, values, strict=True)}
        return Inference(arrays, seconds)


def _open(name: str, path: Path, threads: int) -> tuple[Any, tuple[str, ...]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    # A spinning thread would take the processor from the event loop between two runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise BundleInvalid(f"the graph of the {name} cannot be loaded") from error
    names = tuple(entry.name for entry in session.get_inputs())
    if not set(names) <= set(_INPUTS):
        raise BundleInvalid(f"the graph of the {name} has other inputs than token ids, mask and types")
    return session, names
