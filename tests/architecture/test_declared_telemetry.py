"""Everything that telemetry names is declared, documented, and nothing else is emitted."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
OPENERS = {"span", "open_span", "create_counter", "create_gauge", "create_histogram", "create_up_down_counter"}


def documents() -> ModuleType:
    spec = importlib.util.spec_from_file_location("telemetry_docs", ROOT / "docs" / "telemetry.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def undeclared(source: str) -> list[str]:
    """Literal names handed to an instrument or a span instead of a declared constant."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0] if node.args else None
        if name in OPENERS and isinstance(first, ast.Constant):
            found.append(str(first.value))
        if name in ("span", "consumer_span", "producer_span"):
            found += [keyword.arg for keyword in node.keywords if keyword.arg]
        if name == "set_attribute" and isinstance(first, ast.Constant) and str(first.value).startswith("aisle."):
            found.append(str(first.value))
    return found


def test_no_span_metric_or_attribute_has_an_undeclared_name() -> None:
    files = [*(ROOT / "runtime" / "aisle_runtime").rglob("*.py"), *(ROOT / "services").glob("*/aisle_*/**/*.py")]
    assert len(files) > 100
    names = {str(path.relative_to(ROOT)): undeclared(path.read_text(encoding="utf-8")) for path in files}
    allowed = {"runtime/aisle_runtime/telemetry.py", "services/monitor/aisle_monitor/servicer.py"}
    assert {path: found for path, found in names.items() if found and path not in allowed} == {}


def test_a_literal_name_is_found() -> None:
    assert undeclared('with telemetry.span("shop.buy", aisle__rows=1) as s:\n    s.set_attribute("aisle.x", 1)') == [
        "shop.buy",
        "aisle__rows",
        "aisle.x",
    ]


def test_the_page_of_names_is_fresh_and_every_name_has_a_meaning() -> None:
    module = documents()
    assert (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8") == module.render()
    silent = [entry for entry in module.declared() if not entry.meaning and entry.kind != "Event subjects"]
    assert silent == []
