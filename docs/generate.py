"""Writes the API reference in docs/api/ from the contracts, comments included. Run by `make proto`."""

import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

ROOT = Path(__file__).resolve().parent.parent
SCALARS = {
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
}


def load(proto_root: Path) -> FileDescriptorSet:
    """Compile every contract below `proto_root` with its comments."""
    files = sorted(str(path.relative_to(proto_root)) for path in proto_root.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.binpb"
        command = [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            "-I.",
            "--include_source_info",
            f"--descriptor_set_out={image}",
        ]
        subprocess.run([*command, *files], cwd=proto_root, check=True)
        return FileDescriptorSet.FromString(image.read_bytes())


class Page:
    """Turns the files of one package into Markdown."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.services: list[str] = []
        self.messages: list[str] = []

    def add(self, file: FileDescriptorProto) -> None:
        """Take in one file."""
        comments = {
            tuple(place.path): "\n".join(line.strip() for line in place.leading_comments.strip().splitlines())
            for place in file.source_code_info.location
        }
        for index, service in enumerate(file.service):
            self.services += [f"## {service.name}", "", comments.get((6, index), ""), ""]
            for number, method in enumerate(service.method):
                request = ("stream " if method.client_streaming else "") + short(method.input_type)
                answer = ("stream " if method.server_streaming else "") + short(method.output_type)
                text = comments.get((6, index, 2, number), "")
                self.services += [f"### {method.name}", "", f"`{method.name}({request}) -> {answer}`", "", text, ""]
        for index, message in enumerate(file.message_type):
            self.messages += message_lines(message, (4, index), comments)
        for index, enum in enumerate(file.enum_type):
            self.messages += enum_lines(enum, (5, index), comments)

    def text(self) -> str:
        """The page."""
        head = [f"# {self.package}", "", "Generated from the contracts by `make proto`; edit those instead.", ""]
        return "\n".join([*head, *self.services, "## Messages", "", *self.messages]).rstrip() + "\n"


def message_lines(message: DescriptorProto, path: tuple[int, ...], comments: dict[tuple[int, ...], str]) -> list[str]:
    """A message as a heading, its comment and a table of fields."""
    lines = [f"### {message.name}", "", comments.get(path, ""), ""]
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    if message.field:
        lines += ["| field | type | meaning |", "|---|---|---|"]
    for index, field in enumerate(message.field):
        text = comments.get((*path, 2, index), "").replace("\n", " ").replace("|", "\\|")
        lines.append(f"| `{field.name}` | {type_name(field, maps)} | {text} |")
    return [*lines, ""]


def enum_lines(enum: EnumDescriptorProto, path: tuple[int, ...], comments: dict[tuple[int, ...], str]) -> list[str]:
    """An enum as a heading, its comment and a table of values."""
    lines = [f"### {enum.name}", "", comments.get(path, ""), "", "| value | number | meaning |", "|---|---|---|"]
    for index, value in enumerate(enum.value):
        text = comments.get((*path, 2, index), "").replace("\n", " ").replace("|", "\\|")
        lines.append(f"| `{value.name}` | {value.number} | {text} |")
    return [*lines, ""]


def type_name(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str:
    """The type of a field in words."""
    name = SCALARS.get(field.type) or short(field.type_name)
    if name in maps:
        key, value = maps[name].field
        return f"map of {type_name(key, {})} to {type_name(value, {})}"
    return f"list of {name}" if field.label == FieldDescriptorProto.LABEL_REPEATED else name


def short(full_name: str) -> str:
    """The last part of a qualified name."""
    return full_name.rsplit(".", 1)[-1]


def render(proto_root: Path) -> dict[str, str]:
    """Every page by file name."""
    pages: dict[str, Page] = {}
    for file in load(proto_root).file:
        if file.package.startswith("aisle."):
            pages.setdefault(file.package, Page(file.package)).add(file)
    return {f"{package.split('.')[1]}.md": page.text() for package, page in pages.items()}


def main() -> None:
    """Write the pages."""
    target = ROOT / "docs" / "api"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in render(ROOT / "proto").items():
        (target / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
