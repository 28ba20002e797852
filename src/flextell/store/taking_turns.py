"""How a migration changes what others use: it takes its turn, and does not wait for it for long."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

POLL_SECONDS = 0.001
_LOCK_NOT_AVAILABLE, _DEADLOCK_DETECTED = "55P03", "40P01"


@contextmanager
def turn(connection: Connection, wait_milliseconds: int) -> Iterator[None]:
    """A transaction that is whole or not at all, and in PostgreSQL waits so long for a lock."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            _begin(connection)
        else:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_milliseconds}")
        yield


def is_in_use(error: DBAPIError) -> bool:
    """Whether somebody else holds what was to be changed (PostgreSQL)."""
    return getattr(error.orig, "sqlstate", None) in (_LOCK_NOT_AVAILABLE, _DEADLOCK_DETECTED)


def _begin(connection: Connection) -> None:
    """Become the only writer of an SQLite database.

    The gaps that a busy server leaves between its transactions are short: SQLite's own way of
    waiting, which looks ten times a second in the end, would miss them for minutes.
    """
    wait: int = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    give_up = time.monotonic() + wait / 1000
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        while not _is_writer(connection, give_up):
            time.sleep(POLL_SECONDS)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait}")


def _is_writer(connection: Connection, give_up: float) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        busy = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        if not busy or time.monotonic() > give_up:
            raise
        return False
    return True
