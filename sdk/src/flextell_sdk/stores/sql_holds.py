"""How a row is held by one caller at a time, over a network call and on each kind of database.

PostgreSQL, MySQL and MariaDB lock the row in a transaction, and free it when the connection of a
crashed program breaks. SQLite can lock only the whole database, and nobody could write to it for so
long; there a file beside the database is locked, one for each grant.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, exc, select, text

from flextell_sdk.errors import StoreBusy, StoreError
from flextell_sdk.stores.private_files import LOOK_SECONDS, locked, private_folder
from flextell_sdk.stores.sql_rows import Rows, is_busy

LOCK_FOLDER = "-flextell-locks"


@dataclass(frozen=True, slots=True)
class HeldRow:
    """What is in a row that nobody else changes, and how to write it, once."""

    sealed: bytes | None
    write: Callable[[bytes | None], None]


@contextmanager
def by_lock_on_row(rows: Rows, name: str, wait_seconds: float) -> Iterator[HeldRow]:
    """Hold the row in a transaction, which ends when the row is written."""
    give_up_at = rows.sources.monotonic() + wait_seconds
    with rows.told():
        # Whatever level the engine has: each look must see what was committed before it, not an
        # older snapshot, and lock no neighbours; and AUTOCOMMIT would lock nothing.
        connection = rows.engine.connect().execution_options(isolation_level="READ COMMITTED")
    try:
        sealed = _lock(rows, connection, name, give_up_at)
        yield HeldRow(sealed, partial(_write, rows, connection, name))
    finally:
        with suppress(exc.SQLAlchemyError):  # the connection may be gone, and the lock with it
            _leave(rows, connection, name)
        with suppress(exc.SQLAlchemyError):
            connection.close()


@contextmanager
def by_lock_on_file(rows: Rows, name: str, wait_seconds: float) -> Iterator[HeldRow]:
    """Hold a file beside the database; the row is written in a short transaction of its own."""
    with locked(_lock_folder(rows) / f"{name}.lock", wait_seconds, rows.sources):
        yield HeldRow(rows.read(name), partial(_write_at_once, rows, name))


Hold = Callable[[Rows, str, float], AbstractContextManager[HeldRow]]

HOLDS: Mapping[str, Hold] = {
    "mariadb": by_lock_on_row,
    "mysql": by_lock_on_row,
    "postgresql": by_lock_on_row,
    "sqlite": by_lock_on_file,
}


def hold_of(dialect: str) -> Hold:
    """How rows are held on that kind of database. Raises StoreError."""
    if dialect not in HOLDS:
        raise StoreError(f"Tokens can be kept in {', '.join(HOLDS)}, and not in {dialect}.")
    return HOLDS[dialect]


def _lock(rows: Rows, connection: Connection, name: str, give_up_at: float) -> bytes | None:
    """Lock the row, making it if need be, and say what is in it. Raises StoreBusy."""
    while (row := _lock_now(rows, connection, name)) is None:
        if rows.sources.monotonic() >= give_up_at:
            raise StoreBusy("Another program holds these tokens and does not let go.")
        rows.sources.pause(LOOK_SECONDS * (0.5 + rows.sources.fraction()))
    sealed: bytes | None = row.sealed
    return sealed


def _lock_now(rows: Rows, connection: Connection, name: str) -> Row[Any] | None:
    """The row, locked; None while somebody else has it."""
    columns = rows.table.c
    # A locking read is of the newest row, and does not wait in the database's own queue, which
    # each kind bounds in another way.
    query = select(columns.sealed).where(columns.grant_key == name).with_for_update(nowait=True)
    with rows.told():
        try:
            row = connection.execute(query).first()
            if row is None:
                rows.add_empty(connection, name)
                row = connection.execute(query).first()
        except exc.DBAPIError as problem:
            if not is_busy(problem):
                raise
            row = None
        if row is None:
            connection.rollback()
        return row


def _write(rows: Rows, connection: Connection, name: str, sealed: bytes | None) -> None:
    with rows.told():
        rows.put(connection, name, sealed)
        connection.commit()


def _write_at_once(rows: Rows, name: str, sealed: bytes | None) -> None:
    with rows.told(), rows.engine.begin() as connection:
        rows.put(connection, name, sealed)


def _leave(rows: Rows, connection: Connection, name: str) -> None:
    """Let go of a row that was not written, and of no tokens leave no row."""
    columns = rows.table.c
    if connection.in_transaction():
        empty = delete(rows.table).where(columns.grant_key == name, columns.sealed.is_(None))
        connection.execute(empty)
        connection.commit()


def _lock_folder(rows: Rows) -> Path:
    """The folder beside the database's file, made if need be. Raises StoreError."""
    schema = rows.table.schema or "main"
    with rows.told(), rows.engine.connect() as connection:
        found = connection.execute(text("PRAGMA database_list"))
        file = {name: file for _, name, file in found}.get(schema)
    if not file:
        raise StoreError("A database in memory keeps nothing: take a file, or a MemoryStore.")
    folder = Path(file + LOCK_FOLDER)
    private_folder(folder)
    return folder
