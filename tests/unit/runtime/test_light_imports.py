import subprocess
import sys

import pytest

HEAVY = ("opentelemetry", "pydantic", "sqlalchemy", "nats", "alembic", "torch", "pandas", "numpy")
CHECK = "import sys, {module}; print([name for name in {heavy} if name in sys.modules])"


def loaded_by(module: str) -> str:
    source = CHECK.format(module=module, heavy=HEAVY)
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("module", ["aisle_runtime.client", "aisle_runtime.errors", "aisle_runtime.names"])
def test_what_a_thin_client_needs_stays_light(module: str) -> None:
    assert loaded_by(module) == "[]"


def test_the_guard_can_fail() -> None:
    assert "sqlalchemy" in loaded_by("aisle_runtime.db")


def test_a_service_does_not_load_what_only_migrations_or_engines_need() -> None:
    assert not {"alembic", "torch", "pandas", "numpy"} & set(eval(loaded_by("aisle_runtime.service")))
