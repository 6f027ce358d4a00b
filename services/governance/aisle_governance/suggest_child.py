"""The child process in which a stranger's file is sampled: one order on its standard input, one answer on its standard output."""

import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.suggest import suggest
from aisle_governance.errors import SourceProblem

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 30


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """What is suggested, or why the file cannot be read, as plain data."""
    from aisle_governance.engines.sampling import FITS, sample_file

    kind, file_format = DatasetKind(order["kind"]), FileFormat(order["format"])
    try:
        sampled = sample_file(
            Path(order["path"]), kind, file_format, Dialect(**order["dialect"]), is_beginning=order["is_beginning"]
        )
    except SourceProblem as problem:
        told = {
            "reason": problem.reason,
            "message": problem.message,
            "next_step": problem.next_step,
            "facts": problem.facts,
        }
        return {"problem": told}
    found = suggest(kind, sampled.sample, FITS)
    return {
        "columns": dict(found.mapping.columns),
        "grade_offset": found.mapping.grade_offset,
        "cancellation_prefix": found.mapping.cancellation_prefix,
        "suggestions": [asdict(one) for one in found.suggestions],
        "missing": found.missing,
        "unused": found.unused,
        "warnings": found.warnings,
        "dialect": asdict(sampled.dialect),
        "likely_encoding": sampled.likely_encoding,
        "row_count": sampled.sample.row_count,
    }


def main() -> int:
    """Bound this process, then work."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    order = json.load(sys.stdin)
    json.dump(answer(order), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
