"""Each part of Aisle works with exactly the packages that its extra names.

The closure of an extra is read from the installed metadata; every other distribution is hidden from a fresh interpreter,
which then imports all modules of the part.
"""

import importlib.metadata
import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

PARTS = {
    "aisle_cli": "",
    "aisle_launcher": "launcher",
    "aisle_demo": "demo",
    "aisle_governance": "governance",
    "aisle_trainer": "trainer",
    "aisle_tuner": "tuner",
    "aisle_registry": "registry",
    "aisle_ranker": "ranker",
    "aisle_monitor": "monitor",
}
# Entry points of Alembic, which runs them inside its own context.
NOT_IMPORTED = r"\.migrations(\.|$)"
PROGRAM = """
import importlib, importlib.metadata, pkgutil, re, sys
hidden = set(sys.argv[3].split(","))
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError("hidden: " + name, name=name)
        return None
sys.meta_path.insert(0, Hide())
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not re.search(sys.argv[2], module.name) and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(extra: str) -> set[str]:
    """Names of every distribution that `pip install aisle[extra]` brings, aisle included."""
    found: set[tuple[str, str]] = set()
    queue = [("aisle", extra), ("aisle", "")]
    while queue:
        name, wanted = queue.pop()
        if (name, wanted) in found:
            continue
        found.add((name, wanted))
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for text in requirements:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                queue += [(normal(requirement.name), option) for option in {"", *requirement.extras}]
    return {name for name, _ in found}


def hidden_modules(extra: str) -> set[str]:
    """Top-level modules that belong only to distributions outside the closure."""
    kept = closure(extra)
    hidden = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not any(normal(owner) in kept for owner in owners)
    }
    # Namespaces that Aisle itself fills.
    return {module for module in hidden if not module.startswith("aisle") and module not in sys.stdlib_module_names}


def import_all(part: str, extra: str) -> subprocess.CompletedProcess[str]:
    hidden = ",".join(sorted(hidden_modules(extra)))
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, part, NOT_IMPORTED, hidden], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("part", "extra"), PARTS.items())
def test_a_part_needs_only_its_extra(part: str, extra: str) -> None:
    outcome = import_all(part, extra)
    assert outcome.returncode == 0, outcome.stderr[-2000:]


def test_the_wall_can_fail() -> None:
    outcome = import_all("aisle_governance", "registry")
    assert outcome.returncode != 0
    assert "hidden: " in outcome.stderr


@pytest.mark.parametrize("service", ["governance", "trainer", "tuner", "registry", "ranker", "monitor"])
def test_a_serving_process_does_not_import_torch(service: str) -> None:
    program = (
        f"import sys, aisle_{service}.main; print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert outcome.stdout.strip() == "[]"


def test_the_triton_client_was_not_stepped_back() -> None:
    major, minor = importlib.metadata.version("tritonclient").split(".")[:2]
    assert (int(major), int(minor)) >= (2, 73), "pip steps back silently when protobuf 7 gets in"
