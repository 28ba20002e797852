"""One transaction, on either database: SQL with `:names`, rows as tuples.

The SQL of this package is written once for both engines. Two things are translated: the way
parameters are written, and row locks, which SQLite does not need, having one writer.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

Row = tuple[Any, ...]

_NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_ROW_LOCK = re.compile(r"\s+FOR (?:NO KEY )?UPDATE(?: OF \w+)?", re.IGNORECASE)


# What both drivers call `execute`: a statement and its values in, a cursor out.
Execute = Callable[..., Any]


@lru_cache(maxsize=1024)
def for_sqlite(sql: str) -> str:
    """The statement as SQLite takes it."""
    return _ROW_LOCK.sub("", sql)


@lru_cache(maxsize=1024)
def for_postgresql(sql: str) -> str:
    """The statement as psycopg takes it."""
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%"))


class Transaction:
    """Runs statements inside a transaction that somebody else begins and ends."""

    __slots__ = ("_execute", "_translate", "locks_rows")

    def __init__(
        self, execute: Execute, translate: Callable[[str], str], *, locks_rows: bool
    ) -> None:
        self._execute = execute
        self._translate = translate
        self.locks_rows = locks_rows

    def one(self, sql: str, **values: Any) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._execute(self._translate(sql), values).fetchone()
        return row

    def all(self, sql: str, **values: Any) -> Sequence[Row]:
        """Every row."""
        rows: Sequence[Row] = self._execute(self._translate(sql), values).fetchall()
        return rows

    def run(self, sql: str, **values: Any) -> int:
        """How many rows the statement changed."""
        changed: int = self._execute(self._translate(sql), values).rowcount
        return changed

    def serialise(self, what: int) -> None:
        """Let no other transaction pass this line with the same number until this one ends."""
        if self.locks_rows:
            self.run("SELECT pg_advisory_xact_lock(CAST(:what AS BIGINT))", what=what)

    def alone(self, what: int) -> bool:
        """Whether this transaction is the only one that passed here with this number."""
        if not self.locks_rows:
            return True
        row = self.one("SELECT pg_try_advisory_xact_lock(CAST(:what AS BIGINT))", what=what)
        return bool(row and row[0])


def on_sqlite(execute: Execute) -> Transaction:
    """A transaction on a connection of the standard library's sqlite3."""
    return Transaction(execute, for_sqlite, locks_rows=False)


def on_postgresql(execute: Execute) -> Transaction:
    """A transaction on a connection of psycopg."""
    return Transaction(execute, for_postgresql, locks_rows=True)
