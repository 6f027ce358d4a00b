"""`aisle`: finds the module of a command when it is run, so that the start stays quick."""

import importlib
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand

from aisle_cli.quick import QuickGroup


class Entry(NamedTuple):
    """Where a command lives."""

    module: str
    """Module below `aisle_cli.commands` with a Typer object."""
    help: str
    """Line in the overview."""
    member: bool = False
    """Whether it is one command of `app`, not `app` as a whole."""
    app: str = "app"
    """Name of the Typer object, where a module has several."""


CATALOGUE = {
    "up": Entry("platform", "Start NATS and the six services on this machine.", True),
    "down": Entry("platform", "Stop what `up` started.", True),
    "status": Entry("platform", "Show what runs.", True),
    "demo": Entry("platform", "Run the whole loop on real shop data.", True),
    "data": Entry("data", "Import, govern and inspect datasets."),
    "train": Entry("train", "Train a ranking model; list and inspect training jobs."),
    "match": Entry("match", "Say which pairs of product records are the same product."),
    "leaderboard": Entry("leaderboard", "Rank baselines and trained models on held-back data of a dataset."),
    "evaluations": Entry("evaluations", "List, follow and stop the jobs behind leaderboards."),
    "next": Entry("next_items", "Say which items come after a history."),
    "tune": Entry("tune", "Search for better hyper-parameters."),
    "models": Entry("models", "List, judge, promote and roll back model versions."),
    "catalog": Entry("catalog", "Bring products; look at what search looks through."),
    "search": Entry("shop", "Search the shop.", True),
    "recommend": Entry("shop", "Recommend products for a customer or beside a product.", True),
    "rank": Entry("shop", "Order given candidates.", True),
    "profile": Entry("shop", "Show what is known about a customer.", True),
    "serving": Entry("serving", "Show which model answers; keep serving configs."),
    "replay": Entry("serving", "Answer a logged request again and show what differs.", True),
    "assist": Entry("assist", "Answer a customer's message."),  # the only command of its app, so the app is the command
    "support": Entry("assist", "Keep what customers are answered with; train the classifier.", app="support"),
    "events": Entry("events", "Send what shoppers did."),
    "pipelines": Entry("pipelines", "Store and run plans of the whole loop."),
    "runs": Entry("runs", "Follow pipeline runs."),
    "trace": Entry("trace", "Show a trace across services."),
    "metrics": Entry("metrics", "Show click-through and latency per model version.", True),
    "drift": Entry("drift", "Compare dataset versions."),
    "alerts": Entry("alerts", "List alerts."),
    "policies": Entry("policies", "Say which pipeline an alert starts."),
}


class LazyGroup(QuickGroup):
    """Shows every command from the catalogue and imports the one that is run."""

    def __init__(self, **options: Any) -> None:
        """Fill in stand-ins that know their name and help line."""
        super().__init__(**options)
        for name, entry in CATALOGUE.items():
            self.add_command(TyperCommand(name, help=entry.help))
        self._loaded: set[str] = set()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Replace the stand-in by the real command first."""
        if args and args[0] in CATALOGUE and args[0] not in self._loaded:
            self.add_command(_load(args[0]), args[0])
            self._loaded.add(args[0])
        return super().resolve_command(ctx, args)


def _load(name: str) -> Any:
    entry = CATALOGUE[name]
    module = importlib.import_module(f"aisle_cli.commands.{entry.module}")
    loaded: Any = typer.main.get_command(getattr(module, entry.app))
    return loaded.commands[name] if entry.member else loaded


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"aisle {version('aisle')}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 the work failed, 2 wrong use, 3 not possible now, 4 not found, 5 unavailable, "
    "6 rejected by a gate, 130 interrupted."
)
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """Turn raw shop data into better-ranked search and recommendation, and keep improving it."""


def main() -> None:
    """Run the command line and exit."""
    app(prog_name="aisle")


if __name__ == "__main__":
    main()
