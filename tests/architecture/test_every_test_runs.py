"""`make test` names its folders one by one, so a new one could be forgotten."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def forgotten(makefile: str, folders: set[str]) -> set[str]:
    """Folders of tests that no recipe of the Makefile names."""
    return {folder for folder in folders if f"tests/{folder}" not in makefile}


def test_make_test_runs_every_folder() -> None:
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert not forgotten((ROOT / "Makefile").read_text(), folders)


def test_a_forgotten_folder_is_noticed() -> None:
    assert forgotten("pytest tests/unit", {"unit", "soak"}) == {"soak"}
