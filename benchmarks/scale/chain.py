"""The rule chain of user events by Aisle, and the same checks written for its peers; one engine per process.

`python -m benchmarks.scale.chain ENGINE FOLDER_OF_ROWS WORK_FOLDER LIMIT_BYTES` prints one JSON line. The peers need nothing of Aisle.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PRODUCTS = 5_000
ZONE = "Europe/London"
REQUIRED = ("event_id", "event_type", "event_time")
COLUMNS = ("event_id", "event_type", "event_time", "customer_id", "visitor_id", "product_id", "query", "position")
IDS = ("event_id", "customer_id", "visitor_id", "product_id")
BURST, PER_DAY, REPEATS, REGULAR, VARIATION = 40, 1000, 20, 30, 0.15
Result = dict[str, Any]


def catalogue() -> list[str]:
    """The ids of all products."""
    return [f"p{number}" for number in range(PRODUCTS)]


def contract() -> str:
    """Required values, one row per event id, positions from 0, products of the catalogue."""
    return json.dumps(
        {
            "apiVersion": "v3.0.2", "kind": "DataContract", "id": "bench", "name": "events", "version": "1.0.0", "status": "active",
            "schema": [{"name": "events", "properties": [
                {"name": "event_id", "logicalType": "string", "required": True, "unique": True},
                {"name": "event_type", "logicalType": "string", "required": True},
                {"name": "event_time", "logicalType": "timestamp", "required": True},
                {"name": "position", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}},
                {"name": "product_id", "logicalType": "string", "quality": [{
                    "type": "library", "metric": "invalidValues", "mustBe": 0, "severity": "warning",
                    "arguments": {"validValues": catalogue()}}]},
            ]}],
        }
    )  # fmt: skip


def aisle(files: list[Path], work: Path, engine: str = "duckdb", limit: int = 2_000_000_000) -> Result:
    """The service's own engine, from imported rows to the published Delta table and the file of rows put aside."""
    import aisle_governance.jobs  # noqa: F401 - sets the process up as a job's is
    from aisle_governance.domain.cleaning import Bots, Cleaning
    from aisle_governance.domain.kinds import DatasetKind
    from aisle_governance.domain.mapping import ColumnMapping
    from aisle_governance.engines.choosing import Engine, EngineChoice, govern_with
    from aisle_governance.engines.governor import GovernedDataset

    job = GovernedDataset(
        dataset="events", kind=DatasetKind.USER_EVENTS, mapping=ColumnMapping(columns={}, time_zone=ZONE),
        contract_yaml=contract(), disabled_rules=(), rows_files=tuple(files), cleaning=Cleaning(bots=Bots(), repeated_rows=True),
    )  # fmt: skip
    kind, _, address = engine.partition(":")
    if address:
        made, nodes = _on_ray(job, work / "batches", address)
    else:
        made, _ = govern_with(job, "run", work / "batches", EngineChoice(Engine(kind), memory_bytes=limit))
    made.publish(work / "table", "run")
    made.put_aside(work / "aside.parquet")
    rules = {rule.rule: rule.quarantined_row_count for rule in made.report.rules}
    checks = {check.check: check.failed_row_count for check in made.report.checks}
    found = {"rows": made.row_count, "content_hash": made.content_hash, "rules": rules, "checks": checks}
    return found | ({"nodes": nodes} if address else {})


def _on_ray(job: Any, work: Path, address: str) -> tuple[Any, int]:
    """The governed table, and on how many nodes tasks have run."""
    from aisle_governance.engines.scale.governed import govern_in_batches
    from aisle_governance.engines.scale.on_ray import ray_crew

    crews: list[Any] = []
    with ray_crew(address) as crew:

        def make(*arguments: Any) -> Any:
            crews.append(crew(*arguments))
            return crews[-1]

        made = govern_in_batches(job, "run", work, memory_bytes=700_000_000, crew=make)
    return made, len(crews[0].nodes)


def duckdb(files: list[Path], work: Path, limit: int = 2_000_000_000) -> Result:
    """Bare SQL for the same checks and aggregates, from the same files to one ordered Parquet file and one of rows put aside."""
    import duckdb as engine

    db = engine.connect(":memory:")
    run = db.execute
    run(f"SET memory_limit = '{int(limit * 0.5) // 1_000_000}MB'")
    run("SET threads = 2")
    run("SET preserve_insertion_order = false")
    run(f"SET temp_directory = '{work / 'spill'}'")
    run("SET TimeZone = 'UTC'")
    listed = ", ".join(f"'{file}'" for file in files)
    ids = ", ".join(
        f"nullif(regexp_replace(trim(regexp_replace({name}, '[[:cntrl:]]', '', 'g')), '^([0-9]+)\\.0+$', '\\1'), '') AS {name}"
        for name in IDS
    )
    text = r"nullif(trim(regexp_replace(replace(regexp_replace(query, '</?[a-z]+>', '', 'g'), '&amp;', '&'), '\s+', ' ', 'g')), '')"
    source = f"read_parquet([{listed}], file_row_number = true, filename = true)"
    place = "(filename, file_row_number)"
    found: dict[str, int] = {}
    before = _aggregates(run, source, "event_time")
    run("CREATE TABLE aside (rule VARCHAR, _row_id VARCHAR, _import VARCHAR, _source_line BIGINT)")
    lineage = "_row_id, _import, _source_line"

    def put_aside(rule: str, table: str, where: str) -> None:
        run(f"INSERT INTO aside SELECT '{rule}', {lineage} FROM {table} WHERE {where}")
        found[rule] = int(run(f"SELECT count(*) FROM aside WHERE rule = '{rule}'").fetchall()[0][0])

    run(f"""CREATE TEMP TABLE cleaned AS SELECT {ids}, {text} AS query, event_type, event_time, position, {lineage}, filename,
        file_row_number, row_number() OVER (PARTITION BY _source_hash ORDER BY filename, file_row_number) AS n FROM {source}""")
    put_aside("drop_exact_duplicates", "cleaned", "n > 1")
    missing = " OR ".join(f"{name} IS NULL" for name in REQUIRED)
    put_aside("drop_missing_required", "cleaned", f"n = 1 AND ({missing})")
    keys = ", ".join(f"lower({name})" if name not in ("event_time", "position") else name for name in COLUMNS)
    run(f"""CREATE TEMP TABLE once AS SELECT * EXCLUDE n, row_number() OVER (PARTITION BY {keys} ORDER BY {place}) AS n
        FROM cleaned WHERE n = 1 AND NOT ({missing})""")
    run("DROP TABLE cleaned")
    put_aside("drop_repeated_rows", "once", "n > 1")
    run(f"""CREATE TEMP TABLE events AS SELECT * EXCLUDE (n, event_time), timezone('{ZONE}', event_time) AS event_time,
        row_number() OVER (PARTITION BY event_id ORDER BY {place}) AS n FROM once WHERE n = 1""")
    run("DROP TABLE once")
    put_aside("drop_repeated_events", "events", "n > 1")
    run(_BOTS)
    run("""CREATE TEMP TABLE kept AS SELECT e.* EXCLUDE n, b.actor IS NOT NULL OR s._row_id IS NOT NULL AS bot FROM events e
        LEFT JOIN bots b ON coalesce(e.visitor_id, e.customer_id) = b.actor LEFT JOIN spam s ON e._row_id = s._row_id WHERE n = 1""")
    put_aside("drop_bots", "kept", "bot")
    run("CREATE TEMP TABLE products AS SELECT 'p' || i AS id FROM range(?) t(i)", [PRODUCTS])
    checks = run("""SELECT count(*) FILTER (position < 0), count(*) FILTER (product_id IS NOT NULL AND p.id IS NULL)
        FROM kept k LEFT JOIN products p ON k.product_id = p.id WHERE NOT bot""").fetchall()[0]
    after = _aggregates(run, "kept WHERE NOT bot", "event_time")
    columns = ", ".join((*COLUMNS, lineage))
    run(f"""COPY (SELECT {columns} FROM kept WHERE NOT bot ORDER BY {place}) TO '{work / "table.parquet"}'
        (FORMAT parquet, COMPRESSION zstd)""")
    run(f"COPY aside TO '{work / 'aside.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
    rows = run("SELECT count(*) FROM kept WHERE NOT bot").fetchall()[0][0]
    profile = {"before": before, "after": after}
    return {"rows": rows, "rules": found, "checks": {"range": checks[0], "referential": checks[1]}, "profile": profile}


_BOTS = f"""
CREATE TEMP TABLE acts AS SELECT coalesce(visitor_id, customer_id) AS actor, epoch_us(event_time) / 1e6 AS t,
    event_type, product_id, _row_id FROM events WHERE n = 1 AND coalesce(visitor_id, customer_id) IS NOT NULL
    QUALIFY count(*) OVER (PARTITION BY coalesce(visitor_id, customer_id)) > {REPEATS};
CREATE TEMP TABLE hands AS SELECT actor, t FROM acts
    QUALIFY event_type <> 'PURCHASE' OR row_number() OVER (PARTITION BY actor, t, event_type) = 1;
CREATE TEMP TABLE spaced AS SELECT actor, t, t - lag(t) OVER w AS gap, lag(t, {BURST}) OVER w AS earlier
    FROM hands WINDOW w AS (PARTITION BY actor ORDER BY t);
CREATE TEMP TABLE bots AS
    SELECT DISTINCT actor FROM spaced WHERE t < earlier + 60
    UNION SELECT actor FROM (
        SELECT actor, stddev_pop(gap) OVER v AS spread, avg(gap) OVER v AS mean, count(gap) OVER v AS many FROM spaced
        WINDOW v AS (PARTITION BY actor ORDER BY t ROWS BETWEEN {REGULAR - 2} PRECEDING AND CURRENT ROW))
        WHERE many = {REGULAR - 1} AND mean > 0 AND spread < {VARIATION} * mean
    UNION SELECT actor FROM (SELECT actor, t // 86400 AS day, count(DISTINCT product_id) AS wide FROM acts
        WHERE event_type <> 'PURCHASE' GROUP BY ALL HAVING wide > {PER_DAY});
CREATE TEMP TABLE spam AS SELECT _row_id FROM (SELECT _row_id, count(*) OVER (PARTITION BY actor, product_id ORDER BY t
    RANGE BETWEEN CURRENT ROW AND 3600 FOLLOWING) AS many FROM acts WHERE event_type = 'CLICK' AND product_id IS NOT NULL)
    WHERE many > {REPEATS};
"""


def _aggregates(run: Callable[[str], Any], table: str, time_column: str) -> list[Any]:
    """Missing ratio and exact number of different values of every column; smallest, largest and mean position."""
    parts = [f"avg(({name} IS NULL)::INT), count(DISTINCT {name})" for name in COLUMNS]
    answer = [
        run(f"SELECT {part} FROM {table}").fetchall()[0] for part in parts
    ]  # one at a time: all at once need more memory
    answer.append(run(f"SELECT min(position), max(position), avg(position) FROM {table}").fetchall()[0])
    return [[float(value) if value is not None else None for value in row] for row in answer]


def pandas(files: list[Path], work: Path) -> Result:
    """The same in pandas, by whole columns."""
    import numpy as np
    import pandas as pd

    frame = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    found: dict[str, int] = {}

    def profile(rows: Any) -> Any:
        return {name: (float(rows[name].isna().mean()), int(rows[name].nunique())) for name in COLUMNS}

    before = profile(frame)

    def drop(rule: str, bad: Any) -> None:
        nonlocal frame
        found[rule] = int(bad.sum())
        frame = frame[~bad]

    drop("drop_exact_duplicates", frame["_source_hash"].duplicated())
    for name in IDS:
        text = frame[name].str.strip().str.replace(r"^([0-9]+)\.0+$", r"\1", regex=True)
        frame[name] = text.mask(text.eq(""))
    query = frame["query"].str.replace(r"</?[a-z]+>", "", regex=True).str.replace("&amp;", "&", regex=False)
    frame["query"] = query.str.replace(r"\s+", " ", regex=True).str.strip()
    drop("drop_missing_required", frame[list(REQUIRED)].isna().any(axis=1))
    folded = frame[list(COLUMNS)].copy()
    for name in COLUMNS:
        if name not in ("event_time", "position"):
            folded[name] = folded[name].str.lower()
    drop("drop_repeated_rows", folded.duplicated())
    del folded
    drop("drop_repeated_events", frame["event_id"].duplicated())
    frame["event_time"] = (
        frame["event_time"]
        .dt.tz_localize(ZONE, ambiguous=np.ones(len(frame), dtype=bool), nonexistent="shift_forward")
        .dt.tz_convert("UTC")
    )
    acts = pd.DataFrame(
        {"actor": frame["visitor_id"].fillna(frame["customer_id"]), "t": frame["event_time"].astype("int64") / 1e6}
    ).sort_values(["actor", "t"], kind="stable")
    group = acts.groupby("actor", sort=False)["t"]
    gap = group.diff()
    fast = acts["t"] < group.shift(BURST) + 60
    rolled = gap.groupby(acts["actor"], sort=False).rolling(REGULAR - 1)
    even = (rolled.std(ddof=0) < VARIATION * rolled.mean()).reset_index(level=0, drop=True)
    bots = set(acts.loc[fast | even.reindex(acts.index), "actor"])
    drop("drop_bots", frame["visitor_id"].fillna(frame["customer_id"]).isin(bots))
    checks = {
        "range": int((frame["position"] < 0).sum()),
        "referential": int((frame["product_id"].notna() & ~frame["product_id"].isin(catalogue())).sum()),
    }
    frame.to_parquet(work / "table.parquet", compression="zstd", index=False)
    return {
        "rows": len(frame),
        "rules": found,
        "checks": checks,
        "profile": {"before": before, "after": profile(frame)},
    }


def _checked_frame(files: list[Path]) -> Any:
    import pandas as pd

    return pd.concat([pd.read_parquet(file, columns=[*COLUMNS, "_source_hash"]) for file in files], ignore_index=True)


def pandera(files: list[Path], work: Path) -> Result:
    """Only the checks on raw rows: it finds failures, and neither cleans nor writes."""
    import pandera.pandas as pa

    schema = pa.DataFrameSchema(
        {
            "event_id": pa.Column(nullable=False, unique=True),
            "event_type": pa.Column(nullable=False),
            "event_time": pa.Column(nullable=False),
            "product_id": pa.Column(checks=pa.Check.isin(catalogue()), nullable=True),
            "position": pa.Column(checks=pa.Check.ge(0), nullable=True),
            "_source_hash": pa.Column(unique=True),
        }
    )
    frame = _checked_frame(files)
    try:
        schema.validate(frame, lazy=True)
        failures: dict[str, int] = {}
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        failures = {f"{a}.{b}": int(n) for (a, b), n in cases.groupby(["column", "check"]).size().items()}
    return {"rows": len(frame), "checks": failures}


def great_expectations(files: list[Path], work: Path) -> Result:
    """Only the checks on raw rows: it finds failures, and neither cleans nor writes."""
    import great_expectations as gx
    from great_expectations import expectations as e

    frame = _checked_frame(files)
    context = gx.get_context(mode="ephemeral")
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    suite = gx.ExpectationSuite(name="s")
    for name in REQUIRED:
        suite.add_expectation(e.ExpectColumnValuesToNotBeNull(column=name))
    suite.add_expectation(e.ExpectColumnValuesToBeUnique(column="event_id"))
    suite.add_expectation(e.ExpectColumnValuesToBeUnique(column="_source_hash"))
    suite.add_expectation(e.ExpectColumnValuesToBeInSet(column="product_id", value_set=catalogue()))
    suite.add_expectation(e.ExpectColumnValuesToBeBetween(column="position", min_value=0))
    result = batch.get_batch(batch_parameters={"dataframe": frame}).validate(suite)
    failures = {
        f"{one.expectation_config.kwargs['column']}.{one.expectation_config.type}": int(
            one.result.get("unexpected_count", 0)
        )
        for one in result.results
    }
    return {"rows": len(frame), "checks": failures}


def main(arguments: list[str]) -> int:
    """Run one engine and print what it found and what it cost."""
    name, source, work, limit = arguments[0], Path(arguments[1]), Path(arguments[2]), int(arguments[3])
    work.mkdir(parents=True, exist_ok=True)
    files = sorted(source.glob("*.parquet"))
    engine, _, option = name.partition(":")
    begun, cpu = time.monotonic(), time.process_time()
    if engine == "aisle":
        result = aisle(files, work, option, limit or 2_000_000_000)
    elif engine == "duckdb":
        result = duckdb(files, work, limit or 2_000_000_000)
    else:
        result = {"pandas": pandas, "pandera": pandera, "great_expectations": great_expectations}[engine](files, work)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    result |= {
        "cpu_seconds": time.process_time() - cpu + children.ru_utime + children.ru_stime,
        "wall_seconds": time.monotonic() - begun,
        "peak_bytes": usage.ru_maxrss * 1024,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
