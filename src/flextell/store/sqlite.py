"""SQLite as we use it: a file whose answers are durable (WAL, synchronous=FULL)."""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flextell.store.port import StoreBusy, StoreFull, StoreUnavailable
from flextell.store.transaction import on_sqlite
from flextell.store.unit import SqlUnit

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # in WAL: what was committed survives a power cut, not only a crash
    "foreign_keys=ON",
    "cache_size=-32768",  # KiB
    "wal_autocheckpoint=4000",  # pages (16 MiB): random keys dirty the same pages again and again
)


def translate(error: sqlite3.Error) -> StoreUnavailable | None:
    """The store's own words for what SQLite says; None if it is a bug of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return StoreBusy("The database is locked by another program; try again in a moment.")
    if code == sqlite3.SQLITE_FULL:
        return StoreFull("The disk of the data directory is full; make room and try again.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreUnavailable(
            "The database cannot be opened for writing; check the permissions of its folder."
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreUnavailable(
            "The database file is damaged or not a database; restore it from a backup."
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreUnavailable("The disk of the data directory failed; check it and try again.")
    return None


def connect(path: Path, wait_seconds: float) -> sqlite3.Connection:
    """A connection to an existing file whose answers are durable. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",  # never makes an empty database in place of a lost
        uri=True,
        timeout=wait_seconds,
        isolation_level=None,  # we say BEGIN and COMMIT ourselves
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection, and the unit that works on it, made once for all transactions."""

    connection: sqlite3.Connection
    unit: SqlUnit


def opened(
    path: Path, wait_seconds: float, code_retention_seconds: int, *, is_hurried: bool = False
) -> Opened:
    """A connection that waits so long for locks, and the unit on it. Raises sqlite3.Error.

    `is_hurried`: for an event loop, where no unit may take long.
    """
    connection = connect(path, wait_seconds)
    transaction = on_sqlite(connection.execute, is_hurried=is_hurried)
    return Opened(connection, SqlUnit(transaction, code_retention_seconds))


def roll_back(connection: sqlite3.Connection) -> None:
    """Let nothing be kept of the transaction, if there is one."""
    # After some errors SQLite has rolled back by itself, and says so with another one.
    with suppress(sqlite3.Error):
        connection.execute("ROLLBACK")
