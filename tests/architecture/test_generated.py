"""What is generated is what the contracts say."""

import filecmp
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def generate(proto_root: Path, target: Path) -> None:
    files = sorted(str(path.relative_to(proto_root)) for path in proto_root.rglob("*.proto"))
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")] + [
        f"--mypy_grpc_out=quiet:{target}"
    ]
    plugins = f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}"
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", plugins, *outputs, *files], cwd=proto_root, check=True
    )


def differences(fresh: Path, committed: Path) -> list[str]:
    def names(root: Path) -> set[str]:
        return {str(path.relative_to(root)) for path in root.rglob("*_pb2*") if "__pycache__" not in path.parts}

    ours, theirs = names(fresh), names(committed)
    _, changed, missing = filecmp.cmpfiles(fresh, committed, sorted(ours & theirs), shallow=False)
    return sorted({*changed, *missing, *(ours ^ theirs)})


def test_the_committed_stubs_are_fresh(tmp_path: Path) -> None:
    generate(ROOT / "proto", tmp_path)
    assert differences(tmp_path, ROOT / "gen") == []


def test_a_changed_contract_makes_the_stubs_stale(tmp_path: Path) -> None:
    proto, fresh = tmp_path / "proto", tmp_path / "fresh"
    for source in (ROOT / "proto").rglob("*.proto"):
        copy = proto / source.relative_to(ROOT / "proto")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text().replace("string currency_code = 1;", "string currency_code = 9;"))
    fresh.mkdir()
    generate(proto, fresh)
    assert "aisle/type/v1/money_pb2.py" in differences(fresh, ROOT / "gen")


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_api_reference_is_fresh() -> None:
    pages = reference().render(ROOT / "proto")
    committed = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.md")}
    assert pages == committed
