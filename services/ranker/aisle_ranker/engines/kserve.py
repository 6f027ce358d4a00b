"""The remote engine: any server of the Open Inference Protocol (KServe v2) over gRPC, for example Triton."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aisle_ranker.domain.engine import Inference
from aisle_ranker.domain.tokens import TokenBatch
from aisle_ranker.errors import EngineUnavailable

NAME = "kserve"
REST_SECONDS = 1.0
"""After a failure the endpoint is left alone for so long; answers go out without it at once."""
_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]
_log = logging.getLogger(__name__)


class KserveEngine:
    """Both models of one bundle at an endpoint that somebody else loads them into."""

    def __init__(self, address: str, models: Mapping[str, str], timeout: float) -> None:
        """Call `address` (host:port); `models` maps `ranker` and `embedder` to the endpoint's model names.

        An answer that takes more than `timeout` seconds counts as none. To be made inside a running event loop.
        """
        from tritonclient.grpc import aio

        self._client = aio.InferenceServerClient(address, channel_args=_CHANNEL_OPTIONS)
        self._models, self._timeout = dict(models), timeout
        self._away_until = 0.0

    @property
    def name(self) -> str:
        """`kserve`."""
        return NAME

    @property
    def workers(self) -> int:
        """The endpoint decides."""
        return 0

    async def run(self, model: str, batch: TokenBatch, outputs: Sequence[str], timeout: float | None) -> Inference:
        """Run a model; raises TimeoutError after `timeout` seconds, EngineUnavailable when the endpoint cannot answer."""
        from tritonclient.utils import InferenceServerException

        started = time.monotonic()
        if started < self._away_until:
            raise EngineUnavailable
        limit = self._timeout if timeout is None else min(timeout, self._timeout)
        try:
            async with asyncio.timeout(limit):
                answer = await self._infer(model, batch, outputs)
            arrays = {name: _floats(answer.as_numpy(name), len(batch.input_ids)) for name in outputs}
        except TimeoutError:
            if limit < self._timeout:
                raise
            raise self._rest("no answer in time") from None
        except InferenceServerException as error:
            raise self._rest(str(error.status() or "refused")) from error
        except ValueError as error:  # an output whose bytes do not fit its own type and shape
            raise self._rest("unreadable answer") from error
        return Inference(arrays, time.monotonic() - started)

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()

    async def _infer(self, model: str, batch: TokenBatch, outputs: Sequence[str]) -> Any:
        from tritonclient.grpc import InferInput, InferRequestedOutput

        inputs = []
        for name, values in (
            ("input_ids", batch.input_ids),
            ("attention_mask", batch.attention_mask),
            ("token_type_ids", batch.token_type_ids),
        ):
            entry = InferInput(name, list(values.shape), "INT64")
            entry.set_data_from_numpy(values)
            inputs.append(entry)
        wanted = [InferRequestedOutput(name) for name in outputs]
        return await self._client.infer(self._models[model], inputs, outputs=wanted)

    def _rest(self, why: str) -> EngineUnavailable:
        self._away_until = time.monotonic() + REST_SECONDS
        _log.warning("the inference endpoint does not answer", extra={"fields": {"status": why}})
        return EngineUnavailable()


def _floats(values: Any, rows: int) -> Any:
    """Return an output as float32; a trailing axis of one, which some servers add, is dropped."""
    if values is None or values.ndim not in (1, 2) or len(values) != rows:
        raise EngineUnavailable
    array = np.asarray(values, dtype=np.float32)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
