"""Takes people out of protobuf messages and of JSON; which fields know a person is declared in the contracts (`subject_data`)."""

import base64
import json
from binascii import Error as Base64Error
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from aisle.type.v1 import subject_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from aisle_runtime.erasing.subjects import ERASED, Subjects

T = TypeVar("T")

_EXPIRY_BYTES = 8
_MOST_TOKEN = 16_384


def scrub(message: Message, subjects: Subjects) -> int:
    """Take the people out of `message` in place and return how many changes that took.

    An element of a repeated message that is theirs (its id field, or the payload of its token, names one) goes as a whole; a single
    field is emptied; units that are people go with their values; in other texts `[erased]` stands for the word.
    """
    changes = _scrub_units(message, subjects)
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            changes += _scrub_messages(message, field, value, subjects)
        elif field.type == FieldDescriptor.TYPE_STRING:
            changes += _scrub_texts(message, field, value, subjects)
    return changes


def holds(message: Message, subjects: Subjects) -> bool:
    """Whether anything in `message` names one of the people."""
    copy = type(message)()
    copy.CopyFrom(message)
    return scrub(copy, subjects) > 0


def is_empty_shell(message: Message) -> bool:
    """Whether a message has lost everything that it told."""
    return not message.ListFields()


def names_subject(token: str, subjects: Subjects) -> bool:
    """Whether the readable payload of a signed token names one of the people; anything that is no token names nobody."""
    body, dot, _ = token.partition(".")
    if not dot or len(token) > _MOST_TOKEN:
        return False
    try:
        payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))[_EXPIRY_BYTES:])
    except (Base64Error, ValueError, RecursionError):
        return False
    return isinstance(payload, dict) and subjects.any_cell(payload.values())


def scrub_json(value: Any, subjects: Subjects, id_keys: Collection[str] = ()) -> Any:
    """Plain JSON data without the people: values under `id_keys` are ids, in other texts `[erased]` stands for the word."""
    if isinstance(value, str):
        return subjects.redacted(value)
    if isinstance(value, list):
        return [scrub_json(one, subjects, id_keys) for one in value]
    if isinstance(value, dict):
        return {
            subjects.redacted(name): ERASED
            if name in id_keys and isinstance(one, str) and subjects.is_id(one)
            else scrub_json(one, subjects, id_keys)
            for name, one in value.items()
        }
    return value


def _kind(field: FieldDescriptor) -> int:
    options: Any = field.GetOptions()
    return int(options.Extensions[subject_pb2.subject_data])


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _is_theirs(message: Message, subjects: Subjects) -> bool:
    for field, value in message.ListFields():
        if field.type != FieldDescriptor.TYPE_STRING or field.is_repeated:
            continue
        kind = _kind(field)
        if kind == subject_pb2.SUBJECT_DATA_ID and subjects.is_id(value):
            return True
        if kind == subject_pb2.SUBJECT_DATA_TOKEN and names_subject(value, subjects):
            return True
    return False


def _scrub_messages(message: Message, field: FieldDescriptor, value: Any, subjects: Subjects) -> int:
    if _is_map(field):
        return _scrub_map(value, field.message_type, subjects)
    if not field.is_repeated:
        if _is_theirs(value, subjects):
            message.ClearField(field.name)
            return 1
        return scrub(value, subjects)
    kept = [one for one in value if not _is_theirs(one, subjects)]
    changes = len(value) - len(kept)
    changes += sum(scrub(one, subjects) for one in kept)
    if len(kept) < len(value):
        copies = []
        for one in kept:
            copy = type(one)()
            copy.CopyFrom(one)
            copies.append(copy)
        message.ClearField(field.name)
        getattr(message, field.name).extend(copies)
    return changes


def _scrub_map(value: Any, entry: Any, subjects: Subjects) -> int:
    kind = entry.fields_by_name["value"].type
    changes = 0
    for key in list(value):
        if isinstance(key, str) and subjects.mentions(key):
            del value[key]
            changes += 1
        elif kind == FieldDescriptor.TYPE_MESSAGE:
            changes += scrub(value[key], subjects)
        elif kind == FieldDescriptor.TYPE_STRING and subjects.mentions(value[key]):
            value[key] = subjects.redacted(value[key])
            changes += 1
    return changes


def _scrub_texts(message: Message, field: FieldDescriptor, value: Any, subjects: Subjects) -> int:
    kind = _kind(field)
    if kind == subject_pb2.SUBJECT_DATA_UNIT_IDS:
        return 0
    if field.is_repeated:
        changed = [subjects.redacted(text) for text in value]
        count: int = sum(one != text for one, text in zip(changed, value, strict=True))
        if count:
            message.ClearField(field.name)
            getattr(message, field.name).extend(changed)
        return count
    gone = (kind == subject_pb2.SUBJECT_DATA_ID and subjects.is_id(value)) or (
        kind == subject_pb2.SUBJECT_DATA_TOKEN and names_subject(value, subjects)
    )
    if gone:
        message.ClearField(field.name)
    elif subjects.mentions(value):
        setattr(message, field.name, subjects.redacted(value))
    else:
        return 0
    return 1


def _scrub_units(message: Message, subjects: Subjects) -> int:
    marked = [field for field, _ in message.ListFields() if _kind(field) == subject_pb2.SUBJECT_DATA_UNIT_IDS]
    changes = 0
    for field in marked:
        units = list(getattr(message, field.name))
        gone = [index for index, unit in enumerate(units) if subjects.is_id(unit) or subjects.mentions(unit)]
        if not gone:
            continue
        changes += len(gone)
        _set_list(message, field.name, without(units, gone))
        _drop_values(message, len(units), gone)
    return changes


def _drop_values(message: Message, length: int, gone: Sequence[int]) -> None:
    """Drop positions from the fields that run parallel to the units, in `message` and below it."""
    for field, value in message.ListFields():
        if _kind(field) == subject_pb2.SUBJECT_DATA_UNIT_VALUES and len(value) == length:
            _set_list(message, field.name, without(list(value), gone))
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not _is_map(field):
            for one in value if field.is_repeated else [value]:
                _drop_values(one, length, gone)


def _set_list(message: Message, name: str, values: list[Any]) -> None:
    message.ClearField(name)
    getattr(message, name).extend(values)


def without(values: Sequence[T], gone: Collection[int]) -> list[T]:
    """`values` without the positions in `gone`."""
    dropped = set(gone)
    return [value for index, value in enumerate(values) if index not in dropped]
