"""Entry point of the child process that learns and proposes categories."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisle_runtime.client import open_sync_channel, token_from_file
from aisle_runtime.jobs import JobContext
from aisle_runtime.telemetry import span

from aisle_governance import telemetry
from aisle_governance.domain.categories import CATEGORY_FROM, Method, Source
from aisle_governance.errors import FailedPrecondition, TrainerAway
from aisle_governance.label_jobs import read_version
from aisle_governance.settings import GovernanceSettings

if TYPE_CHECKING:
    import pandas as pd

    from aisle_governance.engines.classifier import Classified
    from aisle_governance.engines.encoder import EncoderFiles

_MAX_TITLE = 200
_MAX_PROPOSALS, _MAX_BYTES = 50_000, 12 << 20
"""Proposals of one job, and what they may weigh together: a job hands its result over in one piece."""


def run(context: JobContext) -> bytes:
    """Read the version, learn from the products that have a category and propose for the others; answers both."""
    from aisle_governance.engines.classifier import classify, product_text

    payload: dict[str, Any] = json.loads(context.payload)
    settings = GovernanceSettings()
    with span(telemetry.SPAN_CLASSIFY, **{telemetry.ATTR_DATASET: payload["dataset"]}) as current:
        context.progress(0.0, "read")
        products = read_version(settings.tables_dir, payload["version"]).reset_index(drop=True)
        context.progress(0.05, "encoder")
        encoder, reason = _encoder(Method(payload["method"]), settings)
        columns = [products[name].fillna("").astype(str) for name in ("title", "brand", "description")]
        texts = [product_text(*row) for row in zip(*columns, strict=True)]

        def say(ratio: float, phase: str) -> None:
            context.raise_if_cancelled()
            context.progress(0.1 + 0.9 * ratio, phase)

        embed = None
        if encoder is not None:
            from aisle_governance.engines.encoder import OnnxEncoder

            embed = OnnxEncoder(encoder, check=context.raise_if_cancelled)
        labels = products["category"].fillna("").astype(str).str.strip()
        teaching = labels.where(~_by_confidence(products), "")
        told = classify(texts, teaching.tolist(), embed, payload["min_count"], say)
        proposals = _proposals(products, labels, told, payload["all_products"])
        current.set_attribute(telemetry.ATTR_ROWS_IN, len(products))
        current.set_attribute(telemetry.ATTR_ROWS_OUT, len(proposals))
    record = {
        "used_method": (Method.TFIDF if encoder is None else Method.ENCODER).value,
        "encoder_sha256": "" if encoder is None else encoder.sha256,
        "fallback_reason": reason,
        "taught_product_count": len(told.taught),
        "category_count": len(told.categories),
        "rare_category_count": told.rare_count,
        "metrics": [{"name": name, **asdict(lift)} for name, lift in told.figures],
    }
    return json.dumps({"record": record, "proposals": proposals}).encode()


def _by_confidence(products: "pd.DataFrame") -> "pd.Series[bool]":
    """Rows whose category nobody has looked at: what a classifier was sure of must not teach the next one."""
    if "_original" not in products:
        return products["product_id"].isna()
    marker = json.dumps(CATEGORY_FROM) + f': "{Source.CONFIDENCE} '
    found: pd.Series[bool] = products["_original"].fillna("").astype(str).str.contains(marker, regex=False)
    return found


def _encoder(method: Method, settings: GovernanceSettings) -> "tuple[EncoderFiles | None, str]":
    """(encoder, why there is none); the second part is empty unless the choice was free."""
    if method is Method.TFIDF:
        return None, ""
    import grpc

    from aisle_governance.engines.encoder import cached_encoder, fetch_encoder

    try:
        with open_sync_channel(
            settings.trainer_address,
            token=token_from_file(settings.client_token_file),
            ca_file=settings.client_ca_file or "",
        ) as channel:
            found = fetch_encoder(channel, settings.state_dir / "encoders")
    except grpc.RpcError:
        if method is Method.ENCODER:
            raise TrainerAway from None
        kept = cached_encoder(settings.state_dir / "encoders")
        return kept, "" if kept is not None else "The trainer did not answer."
    if found is None and method is Method.ENCODER:
        raise FailedPrecondition(
            "No training job has exported an encoder yet.",
            reason="ENCODER_MISSING",
            next_step="Train a model with a serving bundle (`aisle train run`), or ask for TFIDF.",
        )
    return found, "" if found is not None else "No training job has exported an encoder yet."


def _proposals(
    products: "pd.DataFrame", labels: "pd.Series[str]", told: "Classified", all_products: bool
) -> list[dict[str, Any]]:
    """The least certain first; when there are too many, the most certain ones wait for a later job."""
    chosen = [
        row
        for row in sorted(range(len(products)), key=lambda row: (told.confidence[row], row))
        if not labels[row] or (all_products and told.categories[told.best[row]] != labels[row])
    ][:_MAX_PROPOSALS]
    found: list[dict[str, Any]] = []
    size = 0
    for rank, row in enumerate(chosen, start=1):
        one = {
            "rank": rank,
            "product_id": str(products["product_id"][row]),
            "title": str(products["title"][row])[:_MAX_TITLE],
            "category": labels[row],
            "proposed_category": told.categories[told.best[row]],
            "confidence": float(told.confidence[row]),
            "second_category": told.categories[told.second[row]],
        }
        size += len(json.dumps(one))
        if size > _MAX_BYTES:
            break
        found.append(one)
    return found
