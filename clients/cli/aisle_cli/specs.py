"""From options to a TrainingSpec, and documents of people (JSON or YAML) to messages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from aisle_cli import names, output
from aisle_cli.failures import CommandFailed, usage
from aisle_cli.session import Session
from aisle_cli.spec_fields import set_field

if TYPE_CHECKING:
    from aisle.pipeline.v1 import pipeline_spec_pb2
    from google.protobuf.message import Message

    M = TypeVar("M", bound=Message)

Task = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="KIND=DATASET[/VERSION]",
        help="Task and its dataset: search=judgments, purchase=orders, match=pairs, sequence=orders.",
    ),
]
Weight = Annotated[list[str] | None, typer.Option("--weight", metavar="KIND=WEIGHT", help="Weight of a task's loss.")]
Recipe = Annotated[str, typer.Option(help="Start from this recipe (`aisle train recipes`).")]
Method = Annotated[str, typer.Option(help="lora, full, bitfit, bottleneck, prefix, prompt, dora, adalora or ia3.")]
MaxSteps = Annotated[int, typer.Option(min=0, help="Optimizer steps at most; 0 = default.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Any other field of TrainingSpec, for example lora_rank=32, fine_tuning.bottleneck.width=8 or engine.micro_batch_size=4.",
    ),
]
_TASK_WORDS = {
    "search": "TASK_KIND_SEARCH_RELEVANCE",
    "search-relevance": "TASK_KIND_SEARCH_RELEVANCE",
    "match": "TASK_KIND_PAIR_MATCHING",
}


@dataclass
class SpecOptions:
    """What the options of `train` and `tune` say about a spec; unset ones leave the recipe's or server's default."""

    tasks: Sequence[str] = ()
    weights: Sequence[str] = ()
    recipe: str = ""
    method: str = ""
    fields: dict[str, object] = field(default_factory=dict)
    """Field of TrainingSpec -> value; None and 0 are left out."""
    settings: Sequence[str] = ()
    """`FIELD=VALUE`, as typed."""


def training_spec(session: Session, options: SpecOptions) -> "pipeline_spec_pb2.TrainingSpec":
    """Build the spec; anything that does not fit ends the command."""
    from aisle.pipeline.v1 import pipeline_spec_pb2 as pb

    spec = pb.TrainingSpec()
    if options.recipe:
        spec.CopyFrom(_recipe(session, options.recipe))
    _set_tasks(spec, options)
    if options.method:
        spec.method = output.enum_value(pb.FineTuningMethod, options.method, "--method")  # type: ignore[assignment]
    for name, value in options.fields.items():
        if value:
            setattr(spec, name, value)
    for name, text in names.pairs(options.settings, "--set").items():
        _set_field(spec, name, text)
    return spec


def read_document(file: Path) -> Any:
    """Read a JSON or YAML document."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        usage(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}.")
    if file.suffix.lower() in (".yaml", ".yml"):
        return _read_yaml(file, text)
    try:
        return json.loads(text)
    except ValueError as error:
        usage(f"{file} is not JSON: {error}.")


def parse_message(document: Any, message: "M", source: str) -> "M":
    """Fill `message` from protobuf JSON; unknown or ill-typed fields end the command."""
    from google.protobuf.json_format import ParseDict, ParseError

    try:
        return ParseDict(document, message)
    except ParseError as error:
        usage(f"{source} does not fit {message.DESCRIPTOR.name}: {error}", "Field names are those of docs/api.")


def _read_yaml(file: Path, text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise CommandFailed(
            "Reading YAML needs the package PyYAML.", "Install it (pip install pyyaml), or write the file as JSON."
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        usage(f"{file} is not YAML: {' '.join(str(error).split())}.")


def _recipe(session: Session, recipe_id: str) -> "pipeline_spec_pb2.TrainingSpec":
    from aisle.trainer.v1 import trainer_service_pb2 as pb

    recipes = {r.recipe_id: r.spec for r in session.trainer.ListRecipes(pb.ListRecipesRequest()).recipes}
    if recipe_id not in recipes:
        usage(f"There is no recipe {recipe_id}.", f"Recipes: {', '.join(recipes)}.")
    return recipes[recipe_id]


def _set_tasks(spec: "pipeline_spec_pb2.TrainingSpec", options: SpecOptions) -> None:
    from aisle.pipeline.v1 import pipeline_spec_pb2 as pb

    weights = {task_kind(word): text for word, text in names.pairs(options.weights, "--weight").items()}
    bound = {task_kind(word): text for word, text in names.pairs(options.tasks, "--task").items()}
    if options.tasks:
        # A recipe names the tasks but no data; those that are not bound are not wanted.
        known = {task.kind: task.weight for task in spec.tasks}
        del spec.tasks[:]
        for kind, data in bound.items():
            name = names.dataset_or_version(data)
            spec.tasks.append(pb.TaskSpec(kind=kind, dataset=name, weight=known.get(kind, 0.0)))  # type: ignore[arg-type,call-overload]
    if not spec.tasks or any(not task.dataset for task in spec.tasks):
        usage(
            "No data to learn from.",
            "Add --task search=DATASET, --task purchase=DATASET, both, or --task match=DATASET or sequence=DATASET.",
        )
    for kind, text in weights.items():
        task = next((task for task in spec.tasks if task.kind == kind), None)
        if task is None:
            usage(f"--weight {text}: its task is not among --task.")
        task.weight = names.number(text, "--weight")


def task_kind(word: str) -> int:
    """`search`, `purchase`, `match` or `sequence` -> TaskKind."""
    from aisle.pipeline.v1 import pipeline_spec_pb2 as pb

    if word.lower() in _TASK_WORDS:
        return int(pb.TaskKind.Value(_TASK_WORDS[word.lower()]))
    return output.enum_value(pb.TaskKind, word, "task")


def _set_field(spec: "pipeline_spec_pb2.TrainingSpec", name: str, text: str) -> None:
    if "." in name:
        return set_field(spec, name, text)
    scalars = {
        f.name: f for f in spec.DESCRIPTOR.fields if f.message_type is None and f.name not in ("method", "base_model")
    }
    if name == "base_model":
        spec.base_model = text
        return None
    if name not in scalars:
        usage(f"--set {name}: TrainingSpec has no such field.", f"Fields: {', '.join(sorted(scalars))}, base_model.")
    kind = type(getattr(spec, name))
    try:
        setattr(spec, name, text.lower() in ("true", "1", "yes") if kind is bool else kind(text))
    except ValueError:
        usage(f"--set {name}={text}: it is not {'a whole number' if kind is int else 'a number'} that fits.")
