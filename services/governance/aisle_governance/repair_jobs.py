"""Entry point of the child process in which a repair model is learned."""

import json
from typing import Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.jobs import JobContext

from aisle_governance.domain.kinds import ROW_ID, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.repair.labelling import label_columns
from aisle_governance.errors import NotFound
from aisle_governance.settings import GovernanceSettings


def learn(context: JobContext) -> bytes:
    """Learn from the labels on rows as `repair_cells` will see them. Raises NotFound for a label of an unknown row."""
    from aisle_governance.domain.repair.choose import choose_rows
    from aisle_governance.domain.repair.learn import assess, describe
    from aisle_governance.domain.repair.learn import learn as learn_model
    from aisle_governance.domain.rules.repair import as_texts

    payload: dict[str, Any] = json.loads(context.payload)
    context.progress(0.0, "read")
    kind = DatasetKind(payload["kind"])
    rows = _rows(payload, kind)
    table = as_texts(rows, label_columns(kind))
    labels = _positions(rows[ROW_ID].tolist(), payload["labels"])
    context.raise_if_cancelled()
    context.progress(0.2, "learn")
    model = learn_model(table, labels)
    score = assess(table, labels, model)
    context.raise_if_cancelled()
    context.progress(0.8, "suggest")
    chosen = [
        position for position in choose_rows(table, payload["suggestions"] + len(labels)) if position not in labels
    ]
    suggested = [
        {"row_id": str(rows[ROW_ID].iat[position]), "values": {str(k): str(v) for k, v in table.iloc[position].items()}}
        for position in chosen[: payload["suggestions"]]
    ]
    result = {
        "model": None if model.is_empty else model.to_json(),
        "steps": [[list(columns), words] for columns, words in describe(model)],
        "wrong": score.wrong,
        "mended": score.mended,
        "broken": score.broken,
        "suggested": suggested,
    }
    return json.dumps(result).encode()


def _rows(payload: dict[str, Any], kind: DatasetKind) -> Any:
    """Imported rows after the rules that come before `repair_cells`."""
    from aisle_governance.domain.rules.chains import build_chain, run_chain
    from aisle_governance.engines.governor import load_rows
    from aisle_governance.jobs import pii_key

    artifacts = ArtifactStore(GovernanceSettings().state_dir / "artifacts")
    mapping = ColumnMapping(**payload["mapping"])
    chain = build_chain(kind, mapping, pii_key=pii_key(mapping))
    before = chain[: [rule.name for rule in chain].index("drop_missing_required")]
    frame = load_rows([artifacts.path(digest) for digest in payload["rows"]], kind)
    return run_chain(before, frame).kept


def _positions(row_ids: list[str], labels: list[dict[str, Any]]) -> dict[int, dict[str, str]]:
    wanted = {label["row_id"]: label["values"] for label in labels}
    found = {position: wanted[row_id] for position, row_id in enumerate(row_ids) if row_id in wanted}
    if len(found) < len(wanted):
        missing = sorted(set(wanted) - set(row_ids))
        raise NotFound(
            f"{len(missing)} labelled row(s) are not in the dataset, or an earlier rule puts them aside; the first is {missing[0]!r}.",
            reason="ROW_NOT_FOUND",
            next_step="Label rows that `aisle data repair suggest` names.",
        )
    return found
