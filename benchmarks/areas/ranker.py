"""Figures of the ranker: what each module `ranker_*` beside this one registers with its `rows()`."""

import importlib
import pkgutil
from collections.abc import Callable

from benchmarks import areas
from benchmarks.figures import Row


def rows() -> dict[str, Callable[[], Row]]:
    """Every figure of the ranker by id."""
    found: dict[str, Callable[[], Row]] = {}
    for module in sorted(pkgutil.iter_modules(areas.__path__), key=lambda one: one.name):
        if module.name.startswith("ranker_"):
            more = importlib.import_module(f"{areas.__name__}.{module.name}").rows()
            if twice := found.keys() & more.keys():
                raise SystemExit(f"two modules of the area register {', '.join(sorted(twice))}")
            found |= more
    return found
