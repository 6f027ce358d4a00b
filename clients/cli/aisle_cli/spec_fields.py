"""`--set a.b=value`: fields of a message inside a message, found by their path."""

from typing import Any

from aisle_cli.failures import usage


def set_field(message: Any, path: str, text: str) -> None:
    """Set the scalar or enum at `path` of a protobuf message from text; anything that does not fit ends the command."""
    *parents, name = path.split(".")
    for parent in parents:
        field = message.DESCRIPTOR.fields_by_name.get(parent)
        if field is None or field.message_type is None or field.is_repeated:
            usage(f"--set {path}: {message.DESCRIPTOR.name} has no part {parent}.", _known(message, messages=True))
        inner = getattr(message, parent)
        inner.SetInParent()
        message = inner
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None or field.message_type is not None or field.is_repeated:
        usage(f"--set {path}: {message.DESCRIPTOR.name} has no field {name}.", _known(message, messages=False))
    if field.enum_type is not None:
        setattr(message, name, _enum(field.enum_type, text, path))
        return
    kind = type(getattr(message, name))
    try:
        setattr(message, name, text.lower() in ("true", "1", "yes") if kind is bool else kind(text))
    except ValueError:
        usage(f"--set {path}={text}: it is not {'a whole number' if kind is int else 'a number'} that fits.")


def _enum(kind: Any, text: str, path: str) -> int:
    wanted = text.upper().replace("-", "_")
    numbers = {value.name: int(value.number) for value in kind.values if value.number}
    found = [number for name, number in numbers.items() if name == wanted or name.endswith(f"_{wanted}")]
    if found:
        return found[0]
    return usage(f"--set {path}={text}: it is not known.", f"Known: {', '.join(numbers).lower()}.")


def _known(message: Any, messages: bool) -> str:
    fields = [
        f.name for f in message.DESCRIPTOR.fields if (f.message_type is not None) is messages and not f.is_repeated
    ]
    return f"It has: {', '.join(fields) or 'none'}."
