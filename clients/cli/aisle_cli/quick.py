"""Commands that read their options without pydantic, which takes longer to load than most commands take to run.

Typer builds a pydantic adapter per parameter when it is first used, and keeps it. Here a plain reader is put in its
place for the few types that this command line has; a Typer without that place goes on with its own readers.
"""

from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class QuickCommand(TyperCommand):
    """A command with plain readers."""

    def get_params(self, ctx: Any) -> Any:
        """Return Typer's parameters, --help among them, each with a plain reader."""
        return _quicken(super().get_params(ctx))


class QuickGroup(TyperGroup):
    """A group with plain readers for its own options."""

    def get_params(self, ctx: Any) -> Any:
        """Return Typer's parameters, --help among them, each with a plain reader."""
        return _quicken(super().get_params(ctx))


class PlainReader:
    """Reads one parameter of type bool, str, int, float, Path or list[str]."""

    def __init__(self, kind: Any, least: float | None, most: float | None) -> None:
        """Read values of `kind`; numbers from `least` to `most`."""
        self._kind, self._least, self._most = kind, least, most

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value as its type; raises typer.BadParameter when it does not fit."""
        if self._kind == list[str]:
            return () if value is None else [str(item) for item in value]
        if value is None or isinstance(value, self._kind):
            return value
        try:
            read = self._kind(value)
        except ValueError:
            words = {int: "a whole number", float: "a number"}.get(self._kind, "a value that fits")
            raise typer.BadParameter(f"{value!r} is not {words}.", ctx=ctx, param=param) from None
        return self._in_range(read, param, ctx) if self._kind in (int, float) else read

    def _in_range(self, number: float, param: Any, ctx: Any) -> float:
        low = self._least is not None and not number >= self._least
        high = self._most is not None and not number <= self._most
        if low or high:
            bounds = " and ".join(
                f"{word} {bound}"
                for word, bound in (("at least", self._least), ("at most", self._most))
                if bound is not None
            )
            raise typer.BadParameter(f"{number} is not {bounds}.", ctx=ctx, param=param)
        return number


def _quicken(parameters: Any) -> Any:
    for parameter in parameters:
        kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
        if getattr(parameter, "_runtime_param", ...) is None and kind in (bool, str, int, float, Path, list[str]):
            parameter._runtime_param = PlainReader(kind, parameter.min, parameter.max)
    return parameters
