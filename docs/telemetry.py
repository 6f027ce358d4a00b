"""Writes docs/telemetry.md: every declared span, metric, attribute and event subject. Run by `make proto`."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = {"SPAN": "Spans", "METRIC": "Metrics", "ATTR": "Attributes", "SUBJECT": "Event subjects"}
ORDER = ("Spans", "Metrics", "Attributes", "Event subjects")
PREFIXES = ("SPAN_PREFIX",)
"""Constants that are parts of names, not names."""
TEXT = """# Telemetry

Written by `make proto` from the constants in the runtime's and each service's `telemetry.py`; do not edit.

Server and client spans are named `package.Service/Method` with `rpc.system`, `rpc.service`, `rpc.method` and
`rpc.grpc.status_code`. Event hops are a PRODUCER span `publish SUBJECT` and a CONSUMER span `process SUBJECT` in the
same trace. No user text and no person's data stands in any of them.
"""


@dataclass(frozen=True, slots=True)
class Declared:
    """One name that telemetry uses."""

    owner: str
    kind: str
    name: str
    meaning: str


def declared(root: Path = ROOT) -> list[Declared]:
    """Return all declared names, by owner."""
    files = [("runtime", root / "runtime" / "aisle_runtime" / "telemetry.py")]
    files += [
        (path.parent.name.removeprefix("aisle_"), path)
        for path in sorted((root / "services").glob("*/aisle_*/telemetry.py"))
    ]
    return [entry for owner, path in files for entry in _constants(owner, ast.parse(path.read_text(encoding="utf-8")))]


def _constants(owner: str, module: ast.Module) -> Iterator[Declared]:
    for index, node in enumerate(module.body):
        if (
            not isinstance(node, ast.Assign)
            or not isinstance(node.value, ast.Constant)
            or not isinstance(node.value.value, str)
        ):
            continue
        target = node.targets[0]
        if not isinstance(target, ast.Name) or target.id in PREFIXES:
            continue
        kind = KINDS.get(target.id.split("_")[0])
        if kind:
            following = module.body[index + 1] if index + 1 < len(module.body) else None
            yield Declared(owner, kind, node.value.value, _docstring(following))


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""


def render(root: Path = ROOT) -> str:
    """Return the page."""
    lines = [TEXT]
    entries = declared(root)
    for kind in ORDER:
        lines += [f"## {kind}", "", "| part | name | meaning |", "|---|---|---|"]
        lines += [f"| {entry.owner} | `{entry.name}` | {entry.meaning} |" for entry in entries if entry.kind == kind]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    (ROOT / "docs" / "telemetry.md").write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
