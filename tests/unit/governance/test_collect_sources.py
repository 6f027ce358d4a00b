"""Places and databases: what may be asked, what comes, and that credentials stay where they are."""

import gzip
import sqlite3
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import fsspec
import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.model import FileFormat
from aisle_governance.domain.sources import DatabaseSource, Place, SourceBook, check_sql
from aisle_governance.engines import sql_source
from aisle_governance.engines.fetching import Fetcher
from aisle_governance.engines.source_book import read_book
from aisle_governance.errors import AisleError, FailedPrecondition, InvalidField, SourceProblem

SECRET = "s3cr3t-key"


def fetched(place: Place, uri: str, folder: Path, limit: int = 1 << 20) -> tuple[FileFormat, Path]:
    target = folder / "target"
    return Fetcher(place, limit, lambda done: None).fetch(uri, target, None), target


def test_the_sources_file_is_understood_and_never_quoted(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(
        f'[places.lake]\nuri = "s3://b/x/"\noptions = {{ secret_key = "{SECRET}" }}\n[databases.shop]\nurl = "sqlite:///x"\n'
    )
    book = read_book(file)
    assert book.places["lake"].uri == "s3://b/x"
    assert book.database("shop").timeout_seconds == 600
    assert SECRET not in repr(book)
    for text in (
        f'[places.lake]\nuri = "{SECRET}"',
        f"[databases.x]\nurl = 1\n#{SECRET}",
        f"= {SECRET}",
        '[places.x]\nuri="s3://a:b@c"',
    ):
        file.write_text(text)
        with pytest.raises(FailedPrecondition) as caught:
            read_book(file)
        assert caught.value.reason == "SOURCES_INVALID" and SECRET not in f"{caught.value}{caught.value.next_step}"
    with pytest.raises(FailedPrecondition) as caught:
        read_book(None)
    assert caught.value.reason == "NO_SOURCES"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://k:s@b/x/a.csv",
        "s3://b/x/../y",
        "s3://b/x?key=1",
        "b/x",
        "s3://b/x/a\n.csv",
        "s3://b//x",
        "s3://b/x/./a",
        "s3://" + "b" * 2000,
    ],
)
def test_uris_that_could_lead_out_or_hold_credentials_are_refused(uri: str) -> None:
    with pytest.raises(InvalidField):
        SourceBook({"lake": Place("lake", "s3://b")}).place_of(uri)


def test_a_uri_must_lie_below_a_place() -> None:
    book = SourceBook({"lake": Place("lake", "s3://b/x"), "deep": Place("deep", "s3://b/x/deep")})
    assert book.place_of("s3://b/x/deep/a.csv").name == "deep"
    assert book.place_of("s3://b/x/*.csv").name == "lake"
    for uri in ("s3://b/xy/a.csv", "s3://other/a.csv", "file:///etc/passwd"):
        with pytest.raises(AisleError) as caught:
            book.place_of(uri)
        assert caught.value.reason == "PLACE_NOT_FOUND"


def test_folders_and_patterns_become_one_zip_in_the_order_of_names(tmp_path: Path) -> None:
    root = tmp_path / "in"
    (root / "b").mkdir(parents=True)
    (root / "b" / "2.csv").write_text("two")
    (root / "a.csv.gz").write_bytes(gzip.compress(b"one"))
    (root / ".hidden.csv").write_text("no")
    (tmp_path / "secret.csv").write_text("no")
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    place = Place("inbox", f"file://{root}")
    found, target = fetched(place, f"file://{root}/", tmp_path)
    with zipfile.ZipFile(target) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a.csv.gz": b"one", "b/2.csv": b"two"}
    assert found is FileFormat.CSV
    first = target.read_bytes()
    assert fetched(place, f"file://{root}/", tmp_path)[1].read_bytes() == first
    _, target = fetched(place, f"file://{root}/b/2.csv", tmp_path)
    assert target.read_text() == "two"
    with pytest.raises(SourceProblem) as caught:
        fetched(place, f"file://{root}/", tmp_path, limit=4)
    assert caught.value.reason == "SOURCE_TOO_LARGE"
    for uri, reason in (
        (f"file://{root}/none.csv", "SOURCE_NOT_FOUND"),
        (f"file://{root}/link.csv", "SOURCE_NOT_FOUND"),
    ):
        with pytest.raises(SourceProblem) as caught:
            fetched(place, uri, tmp_path)
        assert caught.value.reason == reason


def test_any_file_system_of_fsspec_is_the_same_door(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/exports/1.jsonl", b"{}")
    memory.pipe("/exports/2.parquet", b"x")
    try:
        place = Place("m", "memory://exports")
        assert fetched(place, "memory://exports/*.jsonl", tmp_path)[0] is FileFormat.JSONL
        with pytest.raises(SourceProblem) as caught:
            fetched(place, "memory://exports/", tmp_path)
        assert caught.value.reason == "FORMATS_DIFFER"
    finally:
        memory.rm("/exports", recursive=True)


class _S3(BaseHTTPRequestHandler):
    """The part of the S3 protocol that reading needs: HEAD and GET of an object, and ListObjectsV2."""

    objects: ClassVar = {
        "exports/a.csv": b"product_id,title\np1,Lamp\n",
        "exports/b.csv": b"product_id,title\np2,Desk\n",
    }

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        parts = urlsplit(self.path)
        _, _, key = unquote(parts.path).lstrip("/").partition("/")
        if "list-type" in parse_qs(parts.query):
            prefix = parse_qs(parts.query).get("prefix", [""])[0]
            found = "".join(
                f"<Contents><Key>{name}</Key><Size>{len(data)}</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                f"<ETag>x</ETag></Contents>"
                for name, data in self.objects.items()
                if name.startswith(prefix)
            )
            data = (
                f"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()
            )
            self._send(200, data, body=body)
        elif f"AWS4-HMAC-SHA256 Credential={SECRET[:4]}" not in self.headers.get("Authorization", ""):
            self._send(403, b"", body=False)
        elif key in self.objects:
            data = self.objects[key]
            begin, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
            part = data[int(begin) : int(end) + 1 if end else None]
            self._send(206 if "Range" in self.headers else 200, part, body=body)
        else:
            self._send(404, b"", body=False)

    def _send(self, code: int, data: bytes, *, body: bool) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def s3() -> Iterator[Place]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _S3)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    options = {
        "access_key": SECRET[:4],
        "secret_key": SECRET,
        "endpoint_override": f"127.0.0.1:{server.server_port}",
        "scheme": "http",
        "region": "eu-west-1",
        "allow_bucket_creation": False,
    }
    yield Place("lake", "s3://b/exports", options)
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_s3_bucket_is_read_with_the_keys_of_the_settings(s3: Place, tmp_path: Path) -> None:
    found, target = fetched(s3, "s3://b/exports/a.csv", tmp_path)
    assert (found, target.read_bytes()) == (FileFormat.CSV, _S3.objects["exports/a.csv"])
    _, target = fetched(s3, "s3://b/exports/", tmp_path)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["a.csv", "b.csv"]
    wrong = Place("lake", s3.uri, {**s3.options, "access_key": "other"})
    for place, uri in ((s3, "s3://b/exports/none.csv"), (wrong, "s3://b/exports/a.csv")):
        with pytest.raises(SourceProblem) as caught:
            fetched(place, uri, tmp_path)
        assert caught.value.reason in ("SOURCE_NOT_FOUND", "SOURCE_UNREACHABLE")
        assert SECRET not in str(caught.value.__dict__) and "127.0.0.1" not in str(caught.value.__dict__)


@pytest.fixture
def shop(tmp_path: Path) -> DatabaseSource:
    file = tmp_path / "shop.db"
    conn = sqlite3.connect(file)
    conn.execute("create table orders (id integer, name text, price real, day text)")
    conn.executemany(
        "insert into orders values (?, ?, ?, ?)", [(n, f"Lamp {n}", 1.5, "2026-01-01") for n in range(12_001)]
    )
    conn.commit()
    conn.close()
    return DatabaseSource("shop", f"sqlite:///{file}", timeout_seconds=5)


def test_a_query_is_streamed_as_texts(shop: DatabaseSource, tmp_path: Path) -> None:
    seen: list[int] = []
    target = tmp_path / "rows.parquet"
    count = sql_source.export(
        shop, "select id, name as title, price, null as note from orders order by id", target, 1 << 24, seen.append
    )
    assert (count, seen) == (12_001, [5_000, 10_000, 12_001])
    table = pq.read_table(target)
    assert table.slice(0, 1).to_pylist() == [{"id": "0", "title": "Lamp 0", "price": "1.5", "note": None}]
    with pytest.raises(SourceProblem) as caught:
        sql_source.export(shop, "select * from orders", target, 1_000)
    assert caught.value.reason == "SOURCE_TOO_LARGE"


@pytest.mark.parametrize(
    "sql",
    [
        "insert into orders values (1, 'x', 1, '')",
        "delete from orders",
        "with x as (select 1) delete from orders",
        "attach database 'other.db' as o",
        "pragma query_only = off",
        "select load_extension('x')",
        "select * from nowhere",
        "select id, id from orders",
        "select x'00ff' as bytes",
    ],
)
def test_nothing_but_reading_is_possible(shop: DatabaseSource, sql: str, tmp_path: Path) -> None:
    with pytest.raises(SourceProblem) as caught:
        sql_source.export(shop, sql, tmp_path / "rows.parquet", 1 << 20)
    assert caught.value.reason in ("QUERY_FAILED", "HEADER_REPEATED")
    assert "nowhere" not in caught.value.message
    conn = sqlite3.connect(shop.url.removeprefix("sqlite:///"))
    assert conn.execute("select count(*) from orders").fetchone() == (12_001,)
    conn.close()


def test_a_query_ends_in_time_and_a_missing_database_is_not_made(shop: DatabaseSource, tmp_path: Path) -> None:
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
    begun = time.monotonic()
    with pytest.raises(SourceProblem) as caught:
        sql_source.export(DatabaseSource("shop", shop.url, 0.2), endless, tmp_path / "x", 1 << 20)
    assert caught.value.reason == "QUERY_FAILED" and time.monotonic() - begun < 60
    with pytest.raises(SourceProblem):
        sql_source.export(DatabaseSource("x", f"sqlite:///{tmp_path}/none.db"), "select 1", tmp_path / "x", 1 << 20)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    "sql", ["", "drop table x", "select 1; select 2", "update x set y = 1", "a" * 20_000, "-- select 1"]
)
def test_only_one_select_is_taken(sql: str) -> None:
    with pytest.raises(InvalidField):
        check_sql(sql, "sql_query.sql")
    assert check_sql(" select ';' as x -- why; not\n ; ", "x").startswith("select")
