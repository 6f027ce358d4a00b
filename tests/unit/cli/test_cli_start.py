"""The start stays light, every command is found, and the help of each can be read."""

import subprocess
import sys

import pytest
import typer.main
from aisle_cli.main import CATALOGUE, _load, app
from typer.testing import CliRunner

HEAVY = (
    "grpc", "google.protobuf", "rich", "pandas", "torch", "pydantic", "nats", "opentelemetry", "numpy", "yaml",
    "sqlalchemy", "aisle_runtime", "aisle_launcher", "aisle_demo", "asyncio",
)  # fmt: skip


def loaded_by(source: str) -> set[str]:
    program = f"import sys\n{source}\nprint([n for n in {HEAVY} if n in sys.modules], file=sys.stderr)"
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(eval(outcome.stderr.splitlines()[-1]))


def test_starting_loads_nothing_heavy() -> None:
    assert loaded_by("import aisle_cli.main") == set()


def test_asking_for_the_version_loads_nothing_heavy() -> None:
    source = "from aisle_cli.main import app\napp(['--version'], standalone_mode=False)"
    assert loaded_by(source) == set()


def test_the_modules_of_commands_load_only_what_they_run() -> None:
    modules = sorted({entry.module for entry in CATALOGUE.values()})
    assert loaded_by("\n".join(f"import aisle_cli.commands.{module}" for module in modules)) == set()


def test_a_call_needs_grpc_but_neither_tables_nor_validation_frameworks() -> None:
    arguments = ["train", "jobs", "--limit", "3", "--json", "--address", "127.0.0.1:1"]
    source = f"from aisle_cli.main import app\ntry:\n    app({arguments})\nexcept SystemExit:\n    pass"
    assert loaded_by(source) <= {"grpc", "google.protobuf", "aisle_runtime", "asyncio"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data", "quarantine", "d", "--limit", "many"], "'many' is not a whole number"),
        (["data", "quarantine", "d", "--limit", "0"], "0 is not at least 1"),
        (["search", "x", "--limit", "201"], "201 is not at least 1 and at most 200"),
        (["train", "--learning-rate", "fast"], "'fast' is not a number"),
        (["train", "--learning-rate", "nan"], "nan is not at least 0"),
        (["data", "import", "x"], "--dataset"),
        (["data", "import"], "FILE"),
        (["data", "datasets", "--nope"], "--nope"),
    ],
)
def test_options_that_cannot_be_read_are_named_with_code_2(arguments: list[str], words: str) -> None:
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 2
    assert words.lower() in outcome.stderr.lower()


def test_the_guard_can_fail() -> None:
    assert "grpc" in loaded_by("from aisle_cli.session import Session; Session().governance")


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_command_exists_and_explains_itself(name: str) -> None:
    loaded = _load(name)
    commands = getattr(loaded, "commands", None) or {name: loaded}
    for one in commands.values():
        assert one.help, one.name
    if name != "demo":
        outcome = CliRunner().invoke(app, [name, "--help"])
        assert outcome.exit_code == 0, outcome.output


def test_the_overview_lists_all_commands_in_order() -> None:
    group = typer.main.get_command(app)
    assert list(group.commands) == list(CATALOGUE)
    overview = CliRunner().invoke(app, ["--help"]).stdout
    assert all(name in overview for name in CATALOGUE)
    assert "Exit codes" in overview


def test_a_typo_is_met_with_the_right_word() -> None:
    outcome = CliRunner().invoke(app, ["serch", "x"])
    assert outcome.exit_code == 2
    assert "search" in outcome.stderr


def test_completion_knows_commands_of_lazy_groups() -> None:
    environment = {"_AISLE_COMPLETE": "complete_bash", "COMP_WORDS": "aisle data im", "COMP_CWORD": "2"}
    outcome = subprocess.run(
        [sys.executable, "-m", "aisle_cli"], capture_output=True, text=True, env={**environment, "PATH": ""},
    )  # fmt: skip
    assert outcome.stdout.split() == ["import", "imports"]
