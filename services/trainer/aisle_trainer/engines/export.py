"""ONNX export: one traced graph per architecture, filled with weights, cut to the ranker and the embedder, checked.

Tracing costs ten seconds and depends on the architecture alone, so the graph is kept without weights. Every filled
graph is compared with the model it was filled from; a difference of 1e-3 or more fails the job.
"""

import copy
import hashlib
import json
import logging
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from aisle_trainer.engines.encoder import Encoded
from aisle_trainer.engines.model import ExportModel
from aisle_trainer.errors import ExportParityFailed

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
HEADS = ("relevance", "purchase")
EMBEDDING = "embedding"
_RAW_EMBEDDING = "unit_embedding"
PARITY_LIMIT = 1e-3
OPSET = 20
_SKELETON_VERSION = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A traced graph without its weights."""

    graph: bytes
    """Serialized ONNX model; the weights' initializers are missing."""
    weights: dict[str, tuple[str, bool]]
    """Initializer -> (parameter name, whether the graph holds it transposed)."""


def skeleton(model: ExportModel, architecture: str, cache_dir: Path) -> Skeleton:
    """Return the traced graph of `model`, from the cache when this architecture was traced before by these libraries.

    `architecture` is the text of the base model's configuration.
    """
    versions = [_SKELETON_VERSION, OPSET, torch.__version__, onnx.__version__, architecture]
    key = hashlib.sha256(json.dumps(versions).encode()).hexdigest()[:32]
    graph_file, map_file = cache_dir / f"graph-{key}.onnx", cache_dir / f"graph-{key}.json"
    try:
        stored = {name: (entry[0], bool(entry[1])) for name, entry in json.loads(map_file.read_text()).items()}
        return Skeleton(graph_file.read_bytes(), stored)
    except (OSError, ValueError, IndexError):
        stranger = _with_distinct_weights(model)
        traced = _without_weights(_trace(stranger), stranger)
    cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(graph_file, traced.graph)
    _replace(map_file, json.dumps(traced.weights).encode())
    return traced


def _with_distinct_weights(model: ExportModel) -> ExportModel:
    """Return a copy with random weights: the exporter makes one constant of equal ones, such as biases still at zero."""
    stranger = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in stranger.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return stranger


def _trace(model: ExportModel) -> onnx.ModelProto:
    batch, seq = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("seq", min=2, max=512)
    example = (
        torch.randint(5, 50, (2, 8)),
        torch.ones(2, 8, dtype=torch.long),
        torch.zeros(2, 8, dtype=torch.long),
    )
    model.eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        # The older exporter (dynamo=False) is silently wrong with this release of transformers.
        program = torch.onnx.export(
            model,
            example,
            dynamo=True,
            dynamic_shapes={name: {0: batch, 1: seq} for name in INPUTS},
            input_names=list(INPUTS),
            output_names=[*HEADS, _RAW_EMBEDDING],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    traced: onnx.ModelProto = program.model_proto
    return traced


def _without_weights(traced: onnx.ModelProto, model: nn.Module) -> Skeleton:
    """Take out every initializer that is a weight of `model`, or one transposed, known by name or by content."""
    by_content: dict[bytes, tuple[str, bool]] = {}
    state = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
    for name, array in state.items():
        if array.ndim == 2:
            by_content[_fingerprint(array)] = (name, False)
            by_content[_fingerprint(array.T)] = (name, True)
    weights: dict[str, tuple[str, bool]] = {}
    for initializer in traced.graph.initializer:
        array = numpy_helper.to_array(initializer)
        if initializer.name in state and np.array_equal(array, state[initializer.name]):
            weights[initializer.name] = (initializer.name, False)
        elif array.ndim == 2 and (found := by_content.get(_fingerprint(array))):
            weights[initializer.name] = found
    kept = [initializer for initializer in traced.graph.initializer if initializer.name not in weights]
    del traced.graph.initializer[:]
    traced.graph.initializer.extend(kept)
    for node in traced.graph.node:
        del node.metadata_props[:]  # names source files of this machine
        node.doc_string = ""
    return Skeleton(traced.SerializeToString(), weights)


def _fingerprint(array: NDArray[Any]) -> bytes:
    return hashlib.sha256(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes()).digest()


def fill(bones: Skeleton, state: Mapping[str, torch.Tensor], outputs: tuple[str, ...], path: Path) -> None:
    """Write the graph that computes `outputs` with the weights of `state` to `path`."""
    model = onnx.ModelProto.FromString(bones.graph)
    renames = {EMBEDDING: f"inner_{EMBEDDING}", _RAW_EMBEDDING: EMBEDDING}
    for node in model.graph.node:
        node.input[:] = [renames.get(name, name) for name in node.input]
        node.output[:] = [renames.get(name, name) for name in node.output]
    for value in model.graph.output:
        value.name = renames.get(value.name, value.name)
    _keep_outputs(model, outputs)
    used = {name for node in model.graph.node for name in node.input}
    constants = [initializer for initializer in model.graph.initializer if initializer.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)
    for name, (parameter, transposed) in bones.weights.items():
        if name in used:
            array = state[parameter].detach().to(torch.float32).numpy()
            array = np.ascontiguousarray(array.T if transposed else array)
            model.graph.initializer.append(numpy_helper.from_array(array, name))
    path.write_bytes(model.SerializeToString())


def _keep_outputs(model: onnx.ModelProto, outputs: tuple[str, ...]) -> None:
    """Cut away every node that no kept output depends on."""
    needed, kept = set(outputs), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    kept.reverse()
    values = [value for value in model.graph.output if value.name in outputs]
    del model.graph.node[:], model.graph.output[:], model.graph.value_info[:]
    model.graph.node.extend(kept)
    model.graph.output.extend(values)


def quantize(source: Path, target: Path) -> None:
    """Write an int8 copy: weights per channel, activations on the fly.

    The library's pre-processing is left out: for these graphs the answers are the same bits without it.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quiet = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=True)
    finally:
        logging.getLogger().setLevel(quiet)


class OnnxModel:
    """An exported graph, ready to run."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load the graph at `path`."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, encoded: Encoded, output: str) -> NDArray[np.float64]:
        """Return one output for every encoded text or pair, (rows,) or (rows, dim)."""
        parts: dict[int, NDArray[np.float64]] = {}
        for rows in encoded.batches():
            feed = dict(zip(INPUTS, (tensor.numpy() for tensor in encoded.tensors(rows)), strict=True))
            values = self._session.run([output], feed)[0]
            parts.update(zip(rows.tolist(), values.astype(np.float64), strict=True))
        return np.array([parts[row] for row in range(len(parts))])


def require_parity(name: str, expected: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """Return the largest difference; raises ExportParityFailed when it is `PARITY_LIMIT` or more, or no number."""
    difference = float(np.abs(expected - found).max()) if expected.shape == found.shape and expected.size else np.inf
    if not difference < PARITY_LIMIT:
        raise ExportParityFailed(
            f"The exported {name} differs from the trained model by {difference:.3g}.",
            next_step="Train again; if it stays, report the versions of torch, transformers and onnx.",
            facts={"graph": name, "difference": f"{difference:.6g}", "limit": f"{PARITY_LIMIT:g}"},
        )
    return difference


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
