"""Parts of the trainer's integration tests: a tiny encoder, a small shop, and a governance that holds its tables."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc.aio
import numpy as np
import pyarrow as pa
from aisle.governance.v1 import contract_pb2, dataset_pb2, governance_service_pb2, governance_service_pb2_grpc

WORDS = (
    *("red", "blue", "green", "black", "white", "large", "small", "wooden", "steel", "paper", "cotton", "glass"),
    *("shoe", "lamp", "mug", "chair", "table", "bag", "clock", "candle", "frame", "box", "tray", "bowl", "spoon"),
    *("ribbon", "card", "holder", "hook", "shelf", ";"),
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
DAY_US = 24 * 3600 * 1_000_000


def write_tiny_encoder(folder: Path) -> None:
    """Write a two-layer BERT with random weights and a word tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=128,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder, safe_serialization=True)


def judgments(queries: int = 40, items: int = 8, seed: int = 0) -> pa.Table:
    """Queries of two words; a title's grade is how many of them it holds, and a little chance."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[object]] = {name: [] for name in ("query", "query_id", "product_id", "title", "grade")}
    for _ in range(queries):
        query = " ".join(rng.choice(WORDS[:-1], 2, replace=False))
        for _ in range(items):
            words = list(rng.choice(WORDS[:-1], 3, replace=False))
            words += [word for word in query.split() if rng.random() < 0.5]
            title = " ".join(words)
            columns["query"].append(query)
            columns["query_id"].append(hashlib.sha256(query.encode()).hexdigest()[:16])
            columns["product_id"].append("t-" + hashlib.sha256(title.encode()).hexdigest()[:16])
            columns["title"].append(title)
            columns["grade"].append(float(min(3, sum(word in words for word in query.split()) + (rng.random() < 0.3))))
    return pa.table({**columns, "label_weight": [1.0] * len(columns["query"])})


def orders(customers: int = 24, days: int = 120, seed: int = 0) -> pa.Table:
    """Customers who come back every few days and buy from their own corner of the shop."""
    rng = np.random.default_rng(seed)
    titles = [" ".join(rng.choice(WORDS[:-1], 3, replace=False)) for _ in range(40)]
    rows = []
    for customer in range(customers):
        for number, day in enumerate(range(customer % 5, days, 6)):
            for product in {int(p) for p in (customer * 3 + rng.integers(0, 8, 3)) % 40}:
                rows.append((f"o{customer}-{number}", f"p{product:02}", titles[product], f"c{customer}", day * DAY_US))
    names = ("order_id", "product_id", "title", "customer_id")
    table = pa.table(dict(zip(names, list(zip(*rows, strict=True))[:4], strict=True)))
    return table.append_column("order_time", pa.array([row[4] for row in rows], pa.timestamp("us", "UTC")))


@dataclass
class FakeGovernance(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Holds tables by version name; `latest` is the newest of a dataset."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    address: str = ""
    unready: set[str] = field(default_factory=set)

    async def GetDatasetVersion(self, request, context):  # type: ignore[no-untyped-def]
        name = request.name
        if name.endswith("/latest"):
            name = max((known for known in self.tables if known.startswith(name.removesuffix("latest"))), default="")
        if name not in self.tables:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such version.")
        columns = [dataset_pb2.Column(name=column) for column in self.tables[name].column_names]
        return governance_service_pb2.GetDatasetVersionResponse(
            dataset_version=dataset_pb2.DatasetVersion(name=name, columns=columns)
        )

    async def GetReadiness(self, request, context):  # type: ignore[no-untyped-def]
        missing = contract_pb2.ReadinessRequirement(requirement="rows", description="rows: at least 1")
        tier = contract_pb2.TierReadiness(tier=request.tier, ready=request.datasets[0] not in self.unready)
        tier.requirements.append(missing)
        return contract_pb2.GetReadinessResponse(tiers=[tier])

    async def ReadRows(self, request, context):  # type: ignore[no-untyped-def]
        table = self.tables[request.dataset_version].select(list(request.columns))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=500)
        data = sink.getvalue().to_pybytes()
        for start in range(0, len(data), 7000):
            yield governance_service_pb2.ReadRowsResponse(arrow_ipc_chunk=data[start : start + 7000])


@asynccontextmanager
async def fake_governance() -> AsyncIterator[FakeGovernance]:
    server, fake = grpc.aio.server(), FakeGovernance()
    governance_service_pb2_grpc.add_GovernanceServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    fake.tables = {
        "datasets/judgments/versions/1": judgments(),
        "datasets/orders/versions/1": orders(),
        "datasets/flat/versions/1": judgments().set_column(4, "grade", pa.array([3.0] * 320)),
        "datasets/empty/versions/1": judgments().slice(0, 0),
        "datasets/young/versions/1": judgments(),
    }
    fake.unready = {"datasets/young/versions/1"}
    await server.start()
    try:
        yield fake
    finally:
        await server.stop(0)


def read_table(data: bytes) -> pa.Table:
    """Read an Arrow IPC file."""
    return pa.ipc.open_file(pa.BufferReader(data)).read_all()


def read_json(data: bytes) -> dict:  # type: ignore[type-arg]
    """Read a JSON object."""
    return json.loads(data)  # type: ignore[no-any-return]
