"""A sentence encoder without torch: the frozen encoder's graph that a training job has exported, run by ONNX Runtime."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle.type.v1 import job_pb2
from numpy.typing import NDArray

from aisle_governance.engines.tables import file_sha256
from aisle_governance.errors import DataLoss

Floats = NDArray[np.float64]
GRAPH, TOKENIZER = "embedder.int8.onnx", "tokenizer.json"
MAX_TOKENS, BATCH = 96, 32
_LOOKED_AT_JOBS = 500
_TIMEOUT_SECONDS = 30.0
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """A graph and its tokenizer, verified by their digests."""

    sha256: str
    """Digest of the graph."""
    graph: Path
    tokenizer: Path


def fetch_encoder(channel: grpc.Channel, cache: Path) -> EncoderFiles | None:
    """The encoder of the newest training job that has exported one, kept below `cache`; None when no job has.

    Raises RpcError when the trainer does not answer, DataLoss when what it sends is not what its job names.
    """
    stub = pb_grpc.TrainerServiceStub(channel)
    for job in _jobs(stub):
        artifacts = {artifact.path: artifact.sha256 for artifact in job.artifacts}
        if job.status.state == job_pb2.JOB_STATE_SUCCEEDED and GRAPH in artifacts and TOKENIZER in artifacts:
            folder = cache / f"{artifacts[GRAPH][:32]}-{artifacts[TOKENIZER][:32]}"
            paths = {name: folder / name for name in (GRAPH, TOKENIZER)}
            for name, path in paths.items():
                if not path.exists() or file_sha256(path) != artifacts[name]:
                    _download(stub, job.name, artifacts[name], path)
            _forget_others(cache, folder)
            return EncoderFiles(artifacts[GRAPH], paths[GRAPH], paths[TOKENIZER])
    return None


def cached_encoder(cache: Path) -> EncoderFiles | None:
    """The encoder that an earlier job has fetched, for when the trainer is away; None when there is none or it is damaged."""
    for folder in sorted(cache.glob("*-*")):
        paths = {name: folder / name for name in (GRAPH, TOKENIZER)}
        if all(path.exists() for path in paths.values()):
            digests = {name: file_sha256(path) for name, path in paths.items()}
            if folder.name == f"{digests[GRAPH][:32]}-{digests[TOKENIZER][:32]}":
                return EncoderFiles(digests[GRAPH], paths[GRAPH], paths[TOKENIZER])
    return None


def _jobs(stub: "pb_grpc.TrainerServiceStub") -> Iterator[training_pb.TrainingJob]:
    token, seen = "", 0
    while seen < _LOOKED_AT_JOBS:
        page = stub.ListTrainingJobs(pb.ListTrainingJobsRequest(page_size=100, page_token=token))
        yield from page.training_jobs
        seen, token = seen + len(page.training_jobs), page.next_page_token
        if not token:
            return


def _download(stub: "pb_grpc.TrainerServiceStub", job: str, sha256: str, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    request = pb.ReadArtifactRequest(training_job=job, sha256=sha256)
    with temporary.open("wb") as file:
        for piece in stub.ReadArtifact(request, timeout=_TIMEOUT_SECONDS * 10):
            file.write(piece.chunk)
        file.flush()
        os.fsync(file.fileno())
    if file_sha256(temporary) != sha256:
        temporary.unlink()
        raise DataLoss(
            "The encoder that the trainer sent is not the one that its job names.",
            reason="ENCODER_DIGEST_MISMATCH",
            next_step="Start the job again; if it stays, train a model again.",
        )
    temporary.replace(path)


def _forget_others(cache: Path, kept: Path) -> None:
    for folder in cache.iterdir():
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


class OnnxEncoder:
    """Mean token states of texts as unit vectors."""

    def __init__(self, files: EncoderFiles, threads: int = 1, check: Callable[[], None] = lambda: None) -> None:
        """Load the files; `check` is called before each batch."""
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
        self._session = onnxruntime.InferenceSession(str(files.graph), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._check = check

    def __call__(self, texts: Sequence[str]) -> Floats:
        """(text, dim); texts of like length go through together."""
        encoded = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda row: len(encoded[row].ids))
        found: Floats | None = None
        for start in range(0, len(order), BATCH):
            self._check()
            rows = order[start : start + BATCH]
            longest = max(len(encoded[row].ids) for row in rows)
            feed = {name: np.zeros((len(rows), longest), dtype=np.int64) for name in _INPUTS}
            for place, row in enumerate(rows):
                length = len(encoded[row].ids)
                feed["input_ids"][place, :length] = encoded[row].ids
                feed["attention_mask"][place, :length] = 1
            values = self._session.run(["embedding"], feed)[0].astype(np.float64)
            if found is None:
                found = np.zeros((len(texts), values.shape[1]))
            found[rows] = values
        return np.zeros((0, 1)) if found is None else found
