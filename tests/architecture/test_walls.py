"""The import walls hold, and would be noticed if they did not."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).parent / "lint-imports"


def lint(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINTER), "--config", str(config), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_walls_hold() -> None:
    outcome = lint(ROOT / ".importlinter")
    assert outcome.returncode == 0, outcome.stdout


def test_a_broken_wall_is_noticed(tmp_path: Path) -> None:
    config = tmp_path / "importlinter.ini"
    config.write_text(
        "[importlinter]\nroot_packages =\n    aisle_launcher\n    aisle_runtime\n\n"
        "[importlinter:contract:proof]\nname = the launcher may not use the runtime\ntype = forbidden\n"
        "source_modules =\n    aisle_launcher\nforbidden_modules =\n    aisle_runtime\n"
    )
    outcome = lint(config)
    assert outcome.returncode != 0
    assert "BROKEN" in outcome.stdout
