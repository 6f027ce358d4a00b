"""What PostgreSQL needs to keep the promises that SQLite keeps by itself.

- One writer at a time: a transaction of `Database.write` holds an advisory lock of its schema, over all processes. So
  rules that look before they store stay right, and the ids of the outbox ascend in the order of the commits.
- One snapshot per read: `Database.read` runs REPEATABLE READ.
- No call waits for ever: for a connection, for a lock, or for a machine that has gone silent.
"""

from enum import Enum

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError

CONNECT_SECONDS = 5
LOCK_SECONDS = 5
SILENCE_SECONDS = 10
"""How long the other machine may leave what was sent to it unacknowledged, or a probe unanswered."""

_CONNECTION = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
    "keepalives_idle": SILENCE_SECONDS,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "application_name": "aisle",
}
_LOCK_CLASS = 0x61_69_73_6C  # "aisl": apart from other users of advisory locks in the same database
_BEGIN_WRITE = text(
    f"SELECT set_config('lock_timeout', '{LOCK_SECONDS}s', true),"
    f" pg_advisory_xact_lock({_LOCK_CLASS}, hashtext(coalesce(current_schema(), '')))"
)
_AWAY = ("08", "28", "3D", "53", "57", "58")  # connection, login, no such database, resources, operator, system


class Trouble(Enum):
    """What can be wrong with the storage."""

    AWAY = "away"
    """It cannot be reached, or takes no work now."""
    BUSY = "busy"
    """Others are in the way; the same transaction may succeed when it is run again."""
    CORRUPT = "corrupt"
    """What it holds is damaged."""
    FULL = "full"
    """It has no room."""
    UNSTORABLE = "unstorable"
    """A text holds a character that it does not store."""


_STATES = {
    "40001": Trouble.BUSY,  # serialization failure
    "40P01": Trouble.BUSY,  # deadlock
    "55P03": Trouble.BUSY,  # lock timeout
    "53100": Trouble.FULL,
    "22021": Trouble.UNSTORABLE,
    "XX001": Trouble.CORRUPT,  # data
    "XX002": Trouble.CORRUPT,  # index
    "25006": Trouble.AWAY,  # a standby, or a primary on its way to become one
    "25P03": Trouble.AWAY,  # ended while idle in its transaction
}


def create_postgres_engine(url: URL, pool_size: int) -> tuple[Engine, Engine]:
    """Return the engines for writing and for reading, over one pool; nothing is connected yet.

    What the URL says about the connection wins over the values of this module.
    """
    given = {name: value for name, value in _CONNECTION.items() if name not in url.query}
    engine = create_engine(url, pool_size=pool_size, max_overflow=2, pool_pre_ping=True, connect_args=given)
    event.listen(engine, "begin", _begin)
    return engine, engine.execution_options(isolation_level="REPEATABLE READ")


def trouble(error: DBAPIError) -> Trouble | None:
    """Name the state of the storage that an error tells; None when it tells of our own SQL or data."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if state in _STATES:
        return _STATES[state]
    if state:
        return Trouble.AWAY if state.startswith(_AWAY) else None
    if isinstance(error, DataError) and "NUL (0x00)" in str(error.orig):  # refused by the driver itself
        return Trouble.UNSTORABLE
    lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return Trouble.AWAY if lost else None


def _begin(conn: Connection) -> None:
    if conn.get_execution_options().get("aisle_write", False):
        conn.execute(_BEGIN_WRITE)
