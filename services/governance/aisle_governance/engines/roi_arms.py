"""Rows of an arm that a trainer may read while its study runs: a version outside every dataset, found by its name alone."""

import json
import re
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_governance.domain.kinds import CONTENT_KEY, DatasetKind
from aisle_governance.domain.model import TableFile, Version

if TYPE_CHECKING:
    import pandas as pd

_ARM = re.compile(r"(roi-[0-9a-v]{17})-[0-9]{1,4}[rs]?")
_RECORD = "version.json"


def is_arm(dataset: str) -> bool:
    """Whether a dataset id may be that of an arm."""
    return _ARM.fullmatch(dataset) is not None


def publish_arm(root: Path, study: str, arm: str, kind: DatasetKind, frame: "pd.DataFrame") -> Version:
    """Write the rows of an arm below `root` and return its version; repeating it writes them again."""
    from aisle_governance.engines.governor import to_table
    from aisle_governance.engines.tables import schema_words, write_table

    folder = root / study / arm
    shutil.rmtree(folder, ignore_errors=True)
    table = to_table(frame.drop(columns=[CONTENT_KEY], errors="ignore").reset_index(drop=True), kind)
    files = write_table(table, folder / "table", study)
    version = Version(
        dataset=f"{study}-{arm}",
        number=1,
        kind=kind,
        content_hash="",
        parent=0,
        imports=(),
        contract_hash="",
        rule_set_hash="",
        row_count=table.num_rows,
        columns=tuple((name, words) for name, words in schema_words(table.schema)),
        create_time=datetime.now(UTC),
        run=study,
        folder=str((folder / "table").resolve()),
        files=files,
    )
    record = asdict(version) | {"create_time": version.create_time.timestamp()}
    (folder / _RECORD).write_text(json.dumps(record))
    return version


def find_arm(root: Path, dataset: str, number: int | None) -> Version | None:
    """The version of an arm, None when there is none (any more)."""
    match = _ARM.fullmatch(dataset)
    if match is None or number not in (None, 1):
        return None
    study = match.group(1)
    try:
        found: dict[str, Any] = json.loads((root / study / dataset[len(study) + 1 :] / _RECORD).read_text())
    except FileNotFoundError:
        return None
    found["kind"] = DatasetKind(found["kind"])
    found["imports"] = tuple(found["imports"])
    found["columns"] = tuple((name, words) for name, words in found["columns"])
    found["files"] = tuple(TableFile(**file) for file in found["files"])
    found["create_time"] = datetime.fromtimestamp(found["create_time"], UTC)
    return Version(**found)


def drop_arm(root: Path, study: str, arm: str) -> None:
    """Delete the rows of an arm."""
    shutil.rmtree(root / study / arm, ignore_errors=True)


def drop_study(root: Path, study: str) -> None:
    """Delete the rows of every arm of a study."""
    shutil.rmtree(root / study, ignore_errors=True)
