"""One suite over the engines: whatever the rows, batches give what memory gives."""

import json
import pickle
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.cleaning import Bots, Cleaning, FillMethod, MissingValues
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.pii import PiiPolicy
from aisle_governance.engines import quarantine
from aisle_governance.engines.choosing import Engine, EngineChoice, choose
from aisle_governance.engines.governor import GovernedDataset, govern
from aisle_governance.engines.importer import import_file
from aisle_governance.engines.readers import Source
from aisle_governance.engines.scale import keys, on_ray, rows
from aisle_governance.engines.scale.governed import govern_in_batches, passes
from aisle_governance.engines.scale.plan import obstacle
from aisle_governance.errors import FailedPrecondition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COLUMNS = ("event_id", "event_type", "event_time", "customer_id", "visitor_id", "product_id", "query", "position")
CONTRACT = """
apiVersion: v3.0.2
kind: DataContract
id: test
name: user_events
version: 1.0.0
status: active
schema:
  - name: user_events
    quality:
      - {name: rows, type: library, metric: rowCount, mustBeGreaterThan: 0, severity: error}
      - {type: library, metric: duplicateValues, arguments: {properties: [visitor_id, product_id]}, mustBe: 0}
    properties:
      - {name: event_id, logicalType: string, required: true, unique: true}
      - {name: event_type, logicalType: string, required: true, enum: [{value: VIEW}, {value: CLICK}, {value: PURCHASE}]}
      - {name: event_time, logicalType: timestamp, required: true}
      - {name: query, logicalType: string, logicalTypeOptions: {minLength: 2, maxLength: 12, pattern: '[a-z ]+'}}
      - {name: visitor_id, logicalType: integer, unique: true}
      - name: product_id
        logicalType: string
        quality:
          - {type: library, metric: nullValues, mustBeLessThan: 50, unit: percent}
          - {type: library, metric: missingValues, arguments: {missingValues: [p1]}, mustBe: 0}
          - {type: library, metric: invalidValues, arguments: {validValues: [p1, p2], pattern: 'p.*'}, mustBeLessThan: 2}
          - {type: library, metric: duplicateValues, mustBeLessThan: 3}
      - {name: position, logicalType: integer, logicalTypeOptions: {minimum: 0, exclusiveMaximum: 9}}
"""
BOTS = Bots(
    max_actions_per_minute=4,
    max_products_per_day=4,
    max_repeats_per_hour=3,
    min_regular_actions=5,
    regular_variation=0.2,
)

_ids = st.sampled_from(["", "a1", " a1 ", "17.0", "17", "e\u0301", "B\u0000x", "  "])
_event = st.fixed_dictionaries(
    {
        "event_id": st.one_of(st.integers(0, 60).map("e{}".format), _ids),
        "event_type": st.sampled_from(["VIEW", "VIEW", "CLICK", "CLICK", "PURCHASE", "view", ""]),
        "event_time": st.one_of(
            st.integers(0, 900).map(lambda seconds: f"2024-03-31T00:{50 + seconds // 60 % 10:02}:{seconds % 60:02}"),
            st.sampled_from(["", "2024-03-31T01:30:00", "2024-10-27 01:30:00", "2024-03-31T00:50:01Z", "1970-01-01"]),
        ),
        "customer_id": st.sampled_from(["", "c1", "c2.0"]),
        "visitor_id": st.sampled_from(["", "v1", "v1", "v1", "v2", "V2"]),
        "product_id": st.sampled_from(["", "p1", "p2", "p3", "p4", "p5", "P5", "p6"]),
        "query": st.sampled_from(
            [
                "",
                "shoes",
                "Shoes",
                "a &amp; b",
                "<b>red</b>  hat",
                "ｒｅｄ",
                "ＲＥＤ",
                "mail me@example.com",
                "caf\u00c3\u00a9",
            ]
        ),
        "position": st.sampled_from(["", "0", "3", "-1", "12"]),
    }
)
_tables = st.lists(st.lists(_event, min_size=1, max_size=60), min_size=1, max_size=3)


def imported(folder: Path, tables: list[list[dict[str, str]]], mapping: ColumnMapping) -> tuple[Path, ...]:
    """The rows of each table as the service's own import writes them."""
    files = []
    for number, table in enumerate(tables):
        source = folder / f"events-{number}.jsonl"
        lines = [json.dumps({"extra": "x", **row}) for row in table]
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        target = folder / f"rows-{number}.parquet"
        import_file(
            Source(source, DatasetKind.USER_EVENTS, mapping, Dialect()),
            FileFormat.JSONL,
            f"imp{number}",
            target,
            folder / f"refused-{number}.parquet",
        )
        files.append(target)
    return tuple(files)


def plain(report):
    """A report without its times."""
    return replace(report, rules=tuple(replace(rule, elapsed_seconds=0.0) for rule in report.rules))


def put_aside(candidate, path: Path):
    """What a reader of the quarantine gets."""
    return quarantine.read(path, "", 0, 1_000_000) if candidate.put_aside(path) else []


def assert_same(job: GovernedDataset, folder: Path, **options) -> None:
    """Both engines give the same report, rows, keys, hashes and rows put aside."""
    expected = govern(job, "run")
    found = govern_in_batches(job, "run", folder / "work", memory_bytes=200_000_000, **options)
    assert plain(found.report) == plain(expected.report)
    assert put_aside(found, folder / "b.parquet") == put_aside(expected, folder / "a.parquet")
    assert found.content_hash == expected.content_hash
    assert (found.contract_hash, found.rule_set_hash) == (expected.contract_hash, expected.rule_set_hash)
    assert found.row_count == expected.row_count
    assert found.schema == expected.schema
    tables = []
    for name, candidate in (("memory", expected), ("batches", found)):
        files = candidate.publish(folder / name, "run")
        parts = [pq.read_table(folder / name / file.name, partitioning=None) for file in files]
        tables.append(pa.concat_tables(parts).cast(expected.schema) if parts else None)
    assert tables[0] == tables[1]


def job_of(files: tuple[Path, ...], **changes) -> GovernedDataset:
    """The dataset of the suite."""
    plan = {
        "mapping": ColumnMapping(columns={name: name for name in COLUMNS}, time_zone="Europe/London"),
        "contract_yaml": CONTRACT,
        "disabled_rules": (),
        "cleaning": Cleaning(
            bots=BOTS,
            repeated_rows=True,
            missing_values=(
                MissingValues("query", FillMethod.DEFAULT, default="nothing"),
                MissingValues("customer_id", FillMethod.DROP),
            ),
        ),
    }
    return GovernedDataset(dataset="events", kind=DatasetKind.USER_EVENTS, rows_files=files, **(plan | changes))


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    """Batches and groups so small that every table is cut."""
    monkeypatch.setattr(rows, "BATCH_ROWS", 16)
    monkeypatch.setattr(keys, "GROUP_ROWS", 11)
    monkeypatch.setattr(keys.Distinct, "MOST_IN_MEMORY", 3)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    tables=_tables,
    optional=st.booleans(),
    disabled=st.sets(st.sampled_from(["drop_repeated_events", "drop_missing_required", "drop_exact_duplicates"])),
    policy=st.sampled_from(list(PiiPolicy)),
)
def test_batches_give_what_memory_gives(tables, optional, disabled, policy):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mapping = ColumnMapping(
            columns={name: name for name in COLUMNS}, time_zone="Europe/London", pii_policies={"query": policy}
        )
        job = job_of(
            imported(folder, tables, mapping),
            mapping=mapping,
            disabled_rules=tuple(sorted(disabled)),
            pii_key=b"k" * 32,
        )
        if not optional:
            job = replace(job, cleaning=Cleaning(bots=BOTS), contract_yaml="")
        assert_same(job, folder)


def made_up(count: int) -> list[dict[str, str]]:
    """Rows with every defect of the suite."""
    return [
        {
            "event_id": f"e{number % (count - 5)}",
            "event_type": ("VIEW", "CLICK", "CLICK", "PURCHASE")[number % 4],
            "event_time": f"2024-05-0{1 + number % 3}T10:{number % 60:02}:00",
            "customer_id": "c1",
            "visitor_id": f"v{number % 4}",
            "product_id": f"p{number % 7}",
            "query": ("shoes", "a &amp; b", "call 020 7946 0958")[number % 3],
            "position": str(number % 5),
        }
        for number in range(count)
    ]


def row_ids(files, wanted) -> list[str]:
    """Ids of the rows whose values pass `wanted`."""
    table = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files]).to_pylist()
    return [row["_row_id"] for row in table if wanted(row)]


def test_released_rows_come_back_in_batches_too(tmp_path):
    table = [*made_up(60), *made_up(60)[:9]]
    files = imported(tmp_path, [table, made_up(20)], job_of(()).mapping)
    some = row_ids(files, lambda row: row["event_id"] in ("e1", "e2", "e3"))
    job = job_of(
        files,
        excused={
            "drop_repeated_rows": some,
            "drop_repeated_events": some,
            "drop_exact_duplicates": some[:2],
            "drop_bots": some,
        },
        fixes={some[0]: {"query": "boots"}, some[-1]: {"event_time": "2024-05-02T10:00:00Z", "visitor_id": ""}},
    )
    assert_same(job, tmp_path)


def test_an_older_import_without_a_column_is_read(tmp_path):
    files = imported(tmp_path, [made_up(40), made_up(30)], job_of(()).mapping)
    pq.write_table(pq.read_table(files[0], partitioning=None).drop_columns(["position", "attribution_token"]), files[0])
    assert_same(job_of(files), tmp_path)


def test_nothing_left_is_the_same_nothing(tmp_path):
    rows = [{**row, "event_type": ""} for row in made_up(30)]
    assert_same(job_of(imported(tmp_path, [rows], job_of(()).mapping)), tmp_path)


def test_the_suite_notices_a_rule_that_sees_its_batch_alone(tmp_path, monkeypatch):
    """The proof that it can fail: without the grouping by keys, duplicates in other batches are missed."""
    files = imported(tmp_path, [[*made_up(40), *made_up(40)]], job_of(()).mapping)
    monkeypatch.setattr(keys.KeyTable, "groups", lambda self, read_again: iter(()))
    with pytest.raises(AssertionError):
        assert_same(job_of(files), tmp_path)


def test_passes_are_cut_where_rows_must_meet():
    from aisle_governance.domain.rules.chains import build_chain

    chain = build_chain(
        DatasetKind.USER_EVENTS, ColumnMapping(columns={}), cleaning=Cleaning(bots=BOTS, repeated_rows=True)
    )
    names = [rule.name for rule in chain]
    first, second, last = passes(chain)
    assert [names[index] for index in first.upcoming] == ["drop_repeated_rows", "drop_repeated_events"]
    assert "drop_exact_duplicates" in [names[index] for index in first.steps]
    assert [names[index] for index in second.steps] == ["drop_repeated_rows", "drop_repeated_events", "times_to_utc"]
    assert [names[index] for index in last.steps] == ["drop_bots"]


def test_the_engine_follows_the_size_and_the_settings(tmp_path):
    files = imported(tmp_path, [made_up(20)], job_of(()).mapping)
    job = job_of(files)
    assert choose(job, EngineChoice()) == (Engine.MEMORY, "")
    assert choose(job, EngineChoice(batches_from_rows=20)) == (Engine.DUCKDB, "")
    assert choose(job, EngineChoice(Engine.MEMORY, batches_from_rows=1)) == (Engine.MEMORY, "")
    assert choose(job, EngineChoice(Engine.RAY)) == (Engine.RAY, "")


def test_a_chain_that_needs_the_whole_table_stays_in_memory(tmp_path):
    files = imported(tmp_path, [made_up(20)], job_of(()).mapping)
    learned = Cleaning(missing_values=(MissingValues("query", FillMethod.GROUP, group_columns=("product_id",)),))
    engine, reason = choose(job_of(files, cleaning=learned), EngineChoice(Engine.DUCKDB))
    assert engine is Engine.MEMORY
    assert "fill_missing_values learns from the whole table" in reason
    assert "in memory only" in obstacle(DatasetKind.ORDERS, [], [])


def test_values_never_become_statements(tmp_path):
    rows = [
        {**row, "visitor_id": "x'); DROP TABLE keys_7; --", "event_id": f'"{index}"'}
        for index, row in enumerate(made_up(40))
    ]
    assert_same(job_of(imported(tmp_path, [rows], job_of(()).mapping)), tmp_path)


def test_the_database_can_open_no_file(tmp_path):
    import duckdb

    (tmp_path / "secret.csv").write_text("a\n1\n")
    database = keys.connect(tmp_path / "spill", 100_000_000)
    for statement in (
        f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')",
        f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            database.execute(statement)
    database.close()


def test_what_does_not_fit_is_spilled(tmp_path):
    """More keys than the database may hold: they go to disk, and the count is right."""
    import numpy as np

    database = keys.connect(tmp_path / "spill", 60_000_000)
    counter = keys.Distinct(database, "many")
    for start in range(0, 1_200_000, 100_000):
        numbers = np.arange(start, start + 100_000) % 1_000_000
        counter.add(pa.array([f"a value long enough to need room of its own {number}" for number in numbers]))
    assert counter.count() == 1_000_000
    database.close()


class InlineRay:
    """Ray's four verbs in this process; what goes into a task or comes out of one is pickled, as on a cluster."""

    def put(self, value):
        return ("ref", pickle.dumps(value))

    def get(self, reference):
        if isinstance(reference, list):
            return [self.get(one) for one in reference]
        return pickle.loads(reference[1])

    def remote(self, function):
        return InlineTask(self, function)


class InlineTask:
    def __init__(self, ray, function, returns=1):
        self._ray, self._function, self._returns = ray, function, returns

    def options(self, num_returns, scheduling_strategy):
        assert scheduling_strategy == "SPREAD"
        return InlineTask(self._ray, self._function, num_returns)

    def remote(self, *arguments):
        given = [self._ray.get(one) if isinstance(one, tuple) and one[0] == "ref" else one for one in arguments]
        answer = self._function(*given)
        if self._returns == 1:
            return self._ray.put(answer)
        assert len(answer) == self._returns
        return [self._ray.put(one) for one in answer]


def test_tasks_give_what_memory_gives(tmp_path):
    table = [
        *made_up(60),
        *made_up(60)[:9],
        *({**row, "event_id": f" {row['event_id']}", "visitor_id": ""} for row in made_up(25)),
    ]
    files = imported(tmp_path, [table, made_up(30)], job_of(()).mapping)
    some = row_ids(files, lambda row: row["event_id"] in ("e1", "e2", "e3"))
    job = job_of(files, excused={"drop_repeated_rows": some, "drop_repeated_events": some[:3]})
    assert_same(job, tmp_path, crew=partial(on_ray.RayCrew, InlineRay()))


def test_tasks_without_the_keys_of_others_fail_the_suite(tmp_path, monkeypatch):
    files = imported(tmp_path, [[*made_up(40), *made_up(40)]], job_of(()).mapping)
    monkeypatch.setattr(on_ray, "partition", lambda frame, key, count: frame.index.to_numpy() % count)
    with pytest.raises(AssertionError):
        assert_same(job_of(files), tmp_path, crew=partial(on_ray.RayCrew, InlineRay()))


def test_ray_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(FailedPrecondition) as refused, on_ray.ray_crew(""):
        pass
    assert refused.value.reason == "RAY_NOT_INSTALLED"
    assert "aisle[ray]" in refused.value.next_step
