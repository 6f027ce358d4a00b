"""What an import's job does before it reads: fetches the bytes that a request only names."""

from pathlib import Path
from typing import Any

from aisle_runtime.jobs import JobContext

from aisle_governance.domain.model import FileFormat
from aisle_governance.settings import GovernanceSettings

FETCH_SHARE = 0.5
"""Share of the job's progress that fetching counts."""


def fetch(context: JobContext, payload: dict[str, Any], settings: GovernanceSettings) -> tuple[Path, FileFormat]:
    """(file with the bytes in the job's folder, how to read it). Raises SourceProblem; credentials come from the settings alone."""
    from aisle_governance.engines import fetching, source_book, sql_source

    book = source_book.read_book(settings.sources_file)
    order = payload["source"]
    target = context.workdir / "source"
    target.unlink(missing_ok=True)

    def say(words: str) -> None:
        context.raise_if_cancelled()
        context.progress(0.0, words)

    if order["uri"]:
        fetcher = fetching.Fetcher(
            book.place_of(order["uri"]), settings.max_upload_bytes, lambda done: say(f"fetched {done / 2**20:.0f} MiB")
        )
        wanted = FileFormat(payload["format"]) if payload["format"] else None
        return target, fetcher.fetch(order["uri"], target, wanted)
    rows = sql_source.export(
        book.database(order["connection"]),
        order["sql"],
        target,
        settings.max_upload_bytes,
        lambda count: say(f"fetched {count} rows"),
    )
    say(f"fetched {rows} rows")
    return target, FileFormat.PARQUET
