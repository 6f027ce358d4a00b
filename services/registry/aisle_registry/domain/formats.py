"""Looks into files before they are taken in: each must be what its name says, and hold data only.

An allow-list, not a scanner: a file passes because it has the structure of its format from the first byte to the last,
never because nothing bad was found in it. Nothing here executes, inflates or follows what a file says, and every walk
is bounded by the file's own bytes.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from aisle_registry.errors import UnsafeFormat

MAXIMUM_JSON_BYTES = 24 * 1024**2
MAXIMUM_JSON_VALUES = 1_500_000
"""A parsed value takes up to a hundred times the bytes that wrote it."""
MAXIMUM_TEXT_BYTES = 64 * 1024**2
MAXIMUM_SAFETENSORS_HEADER_BYTES = 16 * 1024**2
MAXIMUM_ONNX_FIELDS = 500_000
MAXIMUM_ONNX_DEPTH = 32

_DTYPE_BYTES: Final = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
_ARROW_MAGIC = b"ARROW1"
_CODE_KEYS = ("auto_map", "custom_pipelines")
"""Keys with which a Hugging Face configuration names Python code to run."""

# Message fields of onnx.proto that lead to tensors; a tensor must carry its own bytes.
_ONNX_FIELDS: Final[dict[str, dict[int, str]]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_ONNX_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14
_LAST_FIELD_NUMBER = 2**29 - 1


class _Malformed(Exception):
    """The bytes do not have the structure of their format."""


def check_format(path: str, data: memoryview, field: str) -> None:
    """Check the whole content of the file called `path`; raises UnsafeFormat naming `field`.

    `data` may be a memory map; it is read in place.
    """
    suffix = path[path.rindex(".") :]
    check = {
        ".onnx": _check_onnx,
        ".safetensors": _check_safetensors,
        ".json": _check_json,
        ".arrow": _check_arrow,
        ".txt": _check_text,
    }.get(suffix)
    if check is None:
        raise UnsafeFormat(field, f"{path} has no format that is taken in")
    try:
        check(data)
    except _Malformed as error:
        raise UnsafeFormat(field, f"{path} is not a safe {suffix[1:]} file: {error}") from error


def _check_safetensors(data: memoryview) -> None:
    if len(data) < 10:
        raise _Malformed("it is too short")
    length = int.from_bytes(data[:8], "little")
    if length > min(MAXIMUM_SAFETENSORS_HEADER_BYTES, len(data) - 8):
        raise _Malformed("its header is longer than allowed")
    header = _json(bytes(data[8 : 8 + length]))
    if not isinstance(header, dict):
        raise _Malformed("its header is not an object")
    spans = []
    for name, entry in header.items():
        if name == "__metadata__":
            if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
                raise _Malformed("its metadata is not a map of strings")
        else:
            spans.append(_tensor_span(entry))
    end = 0
    for begin, stop in sorted(spans):
        if begin != end:
            raise _Malformed("its tensors overlap or leave a gap")
        end = stop
    if end != len(data) - 8 - length:
        raise _Malformed("its tensors do not fill the file")


def _tensor_span(entry: object) -> tuple[int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _Malformed("a tensor lacks its type, shape or place")
    width, shape, offsets = _DTYPE_BYTES.get(str(entry["dtype"])), entry["shape"], entry["data_offsets"]
    if width is None:
        raise _Malformed("a tensor has an unknown type")
    if not _natural_numbers(shape) or not _natural_numbers(offsets) or len(offsets) != 2:
        raise _Malformed("a tensor's shape or place is not made of natural numbers")
    size = width
    for extent in shape:
        size *= extent
        if size > 2**62:
            raise _Malformed("a tensor is too large")
    if offsets[1] - offsets[0] != size:
        raise _Malformed("a tensor's place does not fit its shape")
    return offsets[0], offsets[1]


def _natural_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(entry) is int and 0 <= entry < 2**62 for entry in value)


def _check_json(data: memoryview) -> None:
    if len(data) > MAXIMUM_JSON_BYTES:
        raise _Malformed(f"it is larger than {MAXIMUM_JSON_BYTES} bytes")
    stack = [_json(bytes(data))]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if any(isinstance(value.get(key), (dict, list, str)) for key in _CODE_KEYS):
                raise _Malformed("it names Python code to run")
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _json(raw: bytes) -> Any:
    if sum(map(raw.count, (b",", b"[", b"{"))) > MAXIMUM_JSON_VALUES:
        raise _Malformed(f"it holds more than {MAXIMUM_JSON_VALUES} values")
    try:
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _Malformed("it is not UTF-8 JSON, or nested too deeply") from error


def _check_text(data: memoryview) -> None:
    if len(data) > MAXIMUM_TEXT_BYTES:
        raise _Malformed(f"it is larger than {MAXIMUM_TEXT_BYTES} bytes")
    raw = bytes(data)
    if b"\0" in raw:
        raise _Malformed("it holds a zero byte")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Malformed("it is not UTF-8") from error


def _check_arrow(data: memoryview) -> None:
    """Check the frame of an Arrow IPC file: magic, two zero bytes, body, footer, footer length, magic."""
    if len(data) < 24 or bytes(data[:8]) != _ARROW_MAGIC + b"\0\0" or bytes(data[-6:]) != _ARROW_MAGIC:
        raise _Malformed("it does not begin and end as an Arrow IPC file")
    footer = int.from_bytes(data[-10:-6], "little", signed=True)
    if not 0 < footer <= len(data) - 18:
        raise _Malformed("its footer does not fit into it")


def _check_onnx(data: memoryview) -> None:
    """Walk the protobuf structure down to every tensor."""
    budget, graphs = MAXIMUM_ONNX_FIELDS, 0
    stack = [("Model", data, 0)]
    while stack:
        kind, message, depth = stack.pop()
        if depth > MAXIMUM_ONNX_DEPTH:
            raise _Malformed("it is nested too deeply")
        children = _ONNX_FIELDS[kind]
        for number, value, payload in _fields(message):
            budget -= 1
            if budget < 0:
                raise _Malformed("it has too many parts")
            if kind == "Model" and number not in _ONNX_MODEL_FIELDS:
                raise _Malformed("it has a part that ONNX does not know")
            if kind == "Tensor" and (
                number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and value != 0)
            ):
                raise _Malformed("a tensor points at another file")
            if number in children:
                if payload is None:
                    raise _Malformed("a part is not of the kind that ONNX gives it")
                stack.append((children[number], payload, depth + 1))
                graphs += children[number] == "Graph"
    if not graphs:
        raise _Malformed("it holds no graph")


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview | None]]:
    """Yield (field number, varint value, bytes of a length-delimited field) of one protobuf message."""
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if not 0 < number <= _LAST_FIELD_NUMBER:
            raise _Malformed("a field has an impossible number")
        if wire == 0:
            value, position = _varint(message, position)
            yield number, value, None
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
            if position > end:
                raise _Malformed("it ends in the middle of a field")
            yield number, 0, None
        elif wire == 2:
            length, position = _varint(message, position)
            if length > end - position:
                raise _Malformed("it ends in the middle of a field")
            yield number, 0, message[position : position + length]
            position += length
        else:
            raise _Malformed("a field has an unknown wire type")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message) or shift > 63:
            raise _Malformed("a number in it does not end")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
