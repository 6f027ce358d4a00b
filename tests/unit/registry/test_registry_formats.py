"""Only files that hold data get in, and only under harmless names."""

import json
import pickle
import struct
import zipfile
from contextlib import suppress
from io import BytesIO

import pytest
from aisle_registry.domain.bundles import bundle_digest, validate_files, validate_submission
from aisle_registry.domain.formats import check_format
from aisle_registry.domain.model import BundleFile, Evaluation, Submission, SystemScore, Task
from aisle_registry.errors import UnsafeFormat
from aisle_runtime.errors import InvalidField
from hypothesis import given
from hypothesis import strategies as st

DIGEST = "ab" * 32


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, payload: bytes | int) -> bytes:
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


TENSOR = field(1, 2) + field(2, 1) + field(8, b"w") + field(9, bytes(8))
NODE = field(1, b"x") + field(2, b"y") + field(4, b"Add") + field(5, field(1, b"value") + field(5, TENSOR))


def onnx(graph: bytes = field(1, NODE) + field(5, TENSOR), extra: bytes = b"") -> bytes:
    return field(1, 10) + field(2, b"test") + field(8, field(2, 18)) + field(7, graph) + extra


def safetensors(header: object | None = None, body: bytes = bytes(24), length: int | None = None) -> bytes:
    tensors = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "I64", "shape": [], "data_offsets": [16, 24]},
    }
    raw = json.dumps(tensors if header is None else header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + body


def arrow(footer: int = 4) -> bytes:
    return b"ARROW1\0\0" + bytes(8) + bytes(4) + struct.pack("<i", footer) + b"ARROW1"


def zipped() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    return buffer.getvalue()


GOOD = {
    "ranker.onnx": onnx(),
    "adapter.safetensors": safetensors(),
    "manifest.json": b'{"format": "aisle-bundle/1", "vocab": {"auto_map": 3}}',
    "search_index.arrow": arrow(),
    "notes.txt": "naïve".encode(),
}
HOSTILE = {
    "pickle as onnx": ("m.onnx", pickle.dumps({"a": 1})),
    "zip as onnx": ("m.onnx", zipped()),
    "no graph": ("m.onnx", field(1, 10)),
    "cut off": ("m.onnx", onnx()[:-3]),
    "weights in another file": (
        "m.onnx",
        onnx(field(5, field(8, b"w") + field(13, field(1, b"location") + field(2, b"../../etc/passwd")))),
    ),
    "external by location": ("m.onnx", onnx(field(5, field(8, b"w") + field(14, 1)))),
    "external in a node": ("m.onnx", onnx(field(1, field(5, field(5, field(14, 1)))))),
    "external in a subgraph": ("m.onnx", onnx(field(1, field(5, field(6, field(5, field(14, 1))))))),
    "external in a function": ("m.onnx", onnx(extra=field(25, field(7, field(5, field(5, field(14, 1))))))),
    "unknown part": ("m.onnx", onnx(extra=field(99, b"?"))),
    "pickle as safetensors": ("m.safetensors", pickle.dumps(list(range(100)))),
    "endless header": ("m.safetensors", safetensors(length=2**63)),
    "header past the end": ("m.safetensors", safetensors(length=10_000)),
    "header no object": ("m.safetensors", safetensors([])),
    "gap": ("m.safetensors", safetensors({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}, bytes(2))),
    "rest": ("m.safetensors", safetensors({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}, bytes(2))),
    "wrong size": (
        "m.safetensors",
        safetensors({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}, bytes(4)),
    ),
    "negative shape": (
        "m.safetensors",
        safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
    ),
    "overflow": (
        "m.safetensors",
        safetensors({"a": {"dtype": "F32", "shape": [2**61, 2**61, 0], "data_offsets": [0, 0]}}, b""),
    ),
    "unknown type": (
        "m.safetensors",
        safetensors({"a": {"dtype": "O", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)),
    ),
    "pickle as json": ("config.json", pickle.dumps({"a": 1})),
    "remote code": ("config.json", b'{"model": {"auto_map": {"AutoModel": "evil.py"}}}'),
    "crowded json": ("config.json", b"[" + b"0," * 1_600_000 + b"0]"),
    "crowded onnx": ("m.onnx", onnx() + field(2, b"") * 600_000),
    "deep json": ("config.json", b"[" * 100_000),
    "pickle as arrow": ("i.arrow", pickle.dumps({"a": 1})),
    "arrow footer outside": ("i.arrow", arrow(10_000)),
    "binary text": ("vocab.txt", b"a\0b"),
    "latin text": ("vocab.txt", b"caf\xe9"),
}


@pytest.mark.parametrize("path", GOOD)
def test_sound_files_pass(path: str) -> None:
    check_format(path, memoryview(GOOD[path]), "f")


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str) -> None:
    path, data = HOSTILE[case]
    with pytest.raises(UnsafeFormat) as caught:
        check_format(path, memoryview(data), "files[0].path")
    assert caught.value.reason == "UNSAFE_FORMAT"
    assert caught.value.field == "files[0].path"


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_mutants_pass_or_are_refused_and_never_crash(path: str, data: st.DataObject) -> None:
    content = bytearray(GOOD[path])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UnsafeFormat):
        check_format(path, memoryview(bytes(content)), "f")


@pytest.mark.parametrize(
    "path",
    [
        "../x.json", "/x.json", "a/../x.json", "a//x.json", ".x.json", "a\\x.json", "x.json/", "%2e%2e/x.json",
        "x\0.json", "x\n.json", "", "a/./x.json", "é.json", "x" * 300 + ".json",
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        validate_files([BundleFile(path, DIGEST, 1)], "header.files")
    assert caught.value.field == "header.files[0].path"


@pytest.mark.parametrize("path", ["m.pkl", "m.pt", "m.bin", "m.py", "m.onnx.data", "m.zip", "m.JSON", "onnx"])
def test_other_formats_are_refused_by_name(path: str) -> None:
    with pytest.raises(UnsafeFormat):
        validate_files([BundleFile(path, DIGEST, 1)], "header.files")


@pytest.mark.parametrize(
    ("file", "field_name"),
    [
        (BundleFile("a.json", "AB" * 32, 1), "header.files[0].sha256"),
        (BundleFile("a.json", "ab", 1), "header.files[0].sha256"),
        (BundleFile("a.json", DIGEST, 0), "header.files[0].size_bytes"),
        (BundleFile("a.json", DIGEST, -5), "header.files[0].size_bytes"),
        (BundleFile("a.json", DIGEST, 2**60), "header.files"),
    ],
)
def test_illegal_entries_are_named(file: BundleFile, field_name: str) -> None:
    with pytest.raises(InvalidField) as caught:
        validate_files([file], "header.files")
    assert caught.value.field == field_name


def test_a_bundle_names_each_file_once_and_is_not_empty() -> None:
    with pytest.raises(InvalidField, match="twice"):
        validate_files([BundleFile("a.json", DIGEST, 1), BundleFile("A.json".lower(), DIGEST, 1)], "f")
    with pytest.raises(InvalidField, match="at least one"):
        validate_files([], "f")


def test_the_digest_depends_on_names_and_bytes_and_not_on_order() -> None:
    one, two = BundleFile("a.json", "ab" * 32, 1), BundleFile("b.json", "cd" * 32, 2)
    assert bundle_digest([one, two]) == bundle_digest([two, one])
    assert bundle_digest([one, two]) != bundle_digest([one, BundleFile("c.json", "cd" * 32, 2)])
    assert bundle_digest([one]) != bundle_digest([BundleFile("a.json", "cd" * 32, 1)])


@pytest.mark.parametrize(
    ("evaluation", "field_name"),
    [
        (Evaluation(Task.PURCHASE, "", ("a", "a")), "header.evaluations[0].unit_ids"),
        (
            Evaluation(Task.PURCHASE, "", ("a",), (SystemScore("model", (), (1.0, 2.0)),)),
            "header.evaluations[0].systems[0].unit_values",
        ),
        (
            Evaluation(Task.PURCHASE, "", ("a",), (SystemScore("model"), SystemScore("model"))),
            "header.evaluations[0].systems",
        ),
    ],
)
def test_evidence_that_does_not_add_up_is_named(evaluation: Evaluation, field_name: str) -> None:
    files = (BundleFile("a.json", DIGEST, 1),)
    with pytest.raises(InvalidField) as caught:
        validate_submission(Submission("m", files, evaluations=(evaluation,)))
    assert caught.value.field == field_name
