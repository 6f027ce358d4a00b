"""Neighbours of the ranker in its integration tests: a registry that hands out test bundles, an inference endpoint."""

import asyncio
import hashlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import onnxruntime
from aisle.registry.v1 import model_version_pb2, registry_events_pb2
from aisle.registry.v1 import registry_service_pb2 as pb
from aisle.registry.v1 import registry_service_pb2_grpc as pb_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "ranker"))
from bundle_factory import Bundle, Reference, Shop, build

__all__ = ["ALIAS", "MODEL", "Bundle", "FakeEndpoint", "FakeRegistry", "Reference", "Shop", "build"]
__all__ += ["fake_endpoint", "fake_registry"]

MODEL, ALIAS = "models/shop-ranker", "production"
CHUNK = 1000


@dataclass
class FakeRegistry(pb_grpc.RegistryServiceServicer):
    """Keeps bundles in memory; the alias is moved by `promote`."""

    address: str = ""
    versions: dict[str, model_version_pb2.ModelVersion] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """By digest."""
    change: model_version_pb2.AliasChange | None = None
    """The alias's newest move."""
    away: bool = False
    reads: Counter[str] = field(default_factory=Counter)
    """ReadArtifact calls by digest."""

    def register(self, bundle: Bundle) -> str:
        """Take a bundle in; returns the version's name."""
        name = f"{MODEL}/versions/{len(self.versions) + 1}"
        described = [
            model_version_pb2.ModelFile(path=path, sha256=digest, size_bytes=len(bundle.files[path]))
            for path, digest in bundle.digests.items()
        ]
        self.files |= {hashlib.sha256(data).hexdigest(): data for data in bundle.files.values()}
        self.versions[name] = model_version_pb2.ModelVersion(name=name, files=described, bundle_digest=bundle.digest)
        return name

    def move(self, name: str) -> model_version_pb2.AliasChange:
        """Let the alias point at a version."""
        sequence = self.change.sequence + 1 if self.change else 1
        self.change = model_version_pb2.AliasChange(sequence=sequence, model_version=name)
        return self.change

    def promote(self, bundle: Bundle) -> registry_events_pb2.ModelVersionPromoted:
        """Register a bundle, move the alias to it and return the event that tells it."""
        name = self.register(bundle)
        return registry_events_pb2.ModelVersionPromoted(
            model_version=self.versions[name], alias=ALIAS, change=self.move(name)
        )

    async def GetAlias(self, request, context):  # type: ignore[no-untyped-def]
        await self._answer(context)
        if self.change is None or (request.model, request.alias) != (MODEL, ALIAS):
            await context.abort(grpc.StatusCode.NOT_FOUND, "The alias points nowhere.")
        return pb.GetAliasResponse(change=self.change)

    async def GetModelVersion(self, request, context):  # type: ignore[no-untyped-def]
        await self._answer(context)
        return pb.GetModelVersionResponse(model_version=self.versions[request.name])

    async def ReadArtifact(self, request, context):  # type: ignore[no-untyped-def]
        await self._answer(context)
        self.reads[request.sha256] += 1
        data = self.files[request.sha256]
        for start in range(0, len(data), CHUNK):
            yield pb.ReadArtifactResponse(chunk=data[start : start + CHUNK])

    async def _answer(self, context: Any) -> None:
        if self.away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")


@asynccontextmanager
async def fake_registry() -> AsyncIterator[FakeRegistry]:
    server, fake = grpc.aio.server(), FakeRegistry()
    pb_grpc.add_RegistryServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield fake
    finally:
        await server.stop(0)


@dataclass
class FakeEndpoint(service_pb2_grpc.GRPCInferenceServiceServicer):
    """An Open Inference Protocol server over the very graphs of a bundle."""

    models: dict[str, onnxruntime.InferenceSession] = field(default_factory=dict)
    address: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    """ModelInfer calls by model."""
    widen: bool = False
    """Whether a column is answered as (batch, 1), as some servers do."""
    garble: bool = False
    """Whether outputs say another shape than their bytes have."""
    refuse: grpc.StatusCode | None = None
    delay: float = 0.0

    def serve(self, bundle: Bundle, names: Mapping[str, str]) -> None:
        """Serve graphs of a bundle; `names` maps the endpoint's names to the bundle's files."""
        for name, path in names.items():
            self.models[name] = onnxruntime.InferenceSession(bundle.files[path], providers=["CPUExecutionProvider"])

    async def ServerReady(self, request, context):  # type: ignore[no-untyped-def]
        return service_pb2.ServerReadyResponse(ready=True)

    async def ModelReady(self, request, context):  # type: ignore[no-untyped-def]
        return service_pb2.ModelReadyResponse(ready=request.name in self.models)

    async def ModelInfer(self, request, context):  # type: ignore[no-untyped-def]
        self.calls[request.model_name] += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.refuse is not None or request.model_name not in self.models:
            await context.abort(self.refuse or grpc.StatusCode.NOT_FOUND, "no such model")
        given = {}
        for entry, raw in zip(request.inputs, request.raw_input_contents, strict=True):
            assert entry.datatype == "INT64", entry
            given[entry.name] = np.frombuffer(raw, dtype=np.int64).reshape(tuple(entry.shape))
        names = [entry.name for entry in request.outputs]
        answer = service_pb2.ModelInferResponse(model_name=request.model_name)
        for name, values in zip(names, self.models[request.model_name].run(names, given), strict=True):
            shape = [*values.shape, 1] if self.widen and values.ndim == 1 else list(values.shape)
            if self.garble:
                shape[0] += 1
            answer.outputs.add(name=name, datatype="FP32", shape=shape)
            answer.raw_output_contents.append(values.astype(np.float32).tobytes())
        return answer


@asynccontextmanager
async def fake_endpoint() -> AsyncIterator[FakeEndpoint]:
    server, fake = grpc.aio.server(), FakeEndpoint()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield fake
    finally:
        await server.stop(0)
