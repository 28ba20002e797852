"""One transaction, on either database: SQL with `:names`, rows as tuples.

The SQL of this package is written once for both engines. Three things are translated: the way
parameters are written, `IN each(:ids)`, and row locks, which SQLite does not need, having one
writer.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

from flextell.store import wall
from flextell.store.statement import EACH, NAMED, Statement, with_arrays

Row = tuple[Any, ...]
Question = tuple[Statement, Mapping[str, Any]]
"""A statement and its values by name."""

A = TypeVar("A")
B = TypeVar("B")

_ROW_LOCK = re.compile(
    r"\s+FOR (?:(?:NO KEY )?UPDATE|SHARE)(?: OF \w+)?(?: SKIP LOCKED)?", re.IGNORECASE
)


# What both drivers call `execute`: a statement and its values in, a cursor out.
Execute = Callable[..., Any]


@lru_cache(maxsize=1024)
def for_sqlite(sql: str) -> str:
    """The statement as SQLite takes it."""
    return EACH.sub(r" IN (SELECT value FROM json_each(\1))", _ROW_LOCK.sub("", sql))


@lru_cache(maxsize=1024)
def for_postgresql(sql: str) -> str:
    """The statement as psycopg takes it."""
    return NAMED.sub(r"%(\1)s", with_arrays(sql).replace("%", "%%"))


def array(ids: Iterable[int]) -> str:
    """The value for `IN each(:ids)`: as many ids as there are, in one parameter."""
    return f"[{','.join(map(str, ids))}]"


class Alone(Exception):
    """A unit of work needs a transaction of its own, and is to be run again from its start."""


class Transaction(Protocol):
    """Runs statements inside a transaction that somebody else begins and ends."""

    @property
    def locks_rows(self) -> bool:
        """Whether there are others beside it: PostgreSQL."""

    def one(self, sql: str | Statement, **values: Any) -> Row | None:
        """The first row, or None."""

    def all(self, sql: str | Statement, **values: Any) -> Sequence[Row]:
        """Every row."""

    def several(self, *questions: Question) -> list[Sequence[Row]]:
        """Every row of each, at once where that is cheaper: first what claims, then what reads."""

    def both(self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        """What two functions return that ask this transaction, at once where that is cheaper."""

    def run(self, sql: str, **values: Any) -> int:
        """How many rows the statement changed."""

    def add(self, statement: Statement, **values: Any) -> None:
        """Add a row, now or before anybody looks for it."""

    def each(self, statement: Statement, many: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement that changes rows for each of these values, in their order."""

    def serialise(self, what: int) -> None:
        """Let no other transaction pass this line with the same number until this one ends."""

    def alone(self, what: int) -> bool:
        """Whether this transaction is the only one that passed here with this number."""

    def within(self, tenants: Collection[int]) -> None:
        """See no rows but these tenants', where there is a wall. Raises wall.Widened."""

    def takes_long(self) -> None:
        """What follows may: where nobody else should wait for it, the unit begins again alone."""


def among(transaction: Transaction, column: str, found: str) -> str:
    """The condition that a column has one of the values that a query finds.

    PostgreSQL might join a table that it takes for small from end to end; an array it looks up.
    """
    return f"{column} = ANY(ARRAY({found}))" if transaction.locks_rows else f"{column} IN ({found})"


def number_of(digest: bytes) -> int:
    """What `serialise` knows something by that has a digest and no number."""
    return int.from_bytes(digest[:8], "big", signed=True)


class Single:
    """`Transaction` on a connection of its own: one statement after another."""

    __slots__ = ("_execute", "_execute_anew", "_is_hurried", "_translate", "locks_rows")

    def __init__(
        self,
        execute: Execute,
        translate: Callable[[str], str],
        *,
        locks_rows: bool,
        is_hurried: bool = False,
        execute_anew: Execute | None = None,
    ) -> None:
        self._execute = execute
        self._execute_anew = execute_anew or execute
        self._translate = translate
        self.locks_rows = locks_rows
        self._is_hurried = is_hurried

    def one(self, sql: str | Statement, **values: Any) -> Row | None:
        row: Row | None = self._cursor(sql, values).fetchone()
        return row

    def all(self, sql: str | Statement, **values: Any) -> Sequence[Row]:
        rows: Sequence[Row] = self._cursor(sql, values).fetchall()
        return rows

    def several(self, *questions: Question) -> list[Sequence[Row]]:
        return [self.all(statement, **values) for statement, values in questions]

    def both(self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        return first(), second()

    def run(self, sql: str, **values: Any) -> int:
        changed: int = self._cursor(sql, values).rowcount
        return changed

    def add(self, statement: Statement, **values: Any) -> None:
        self._cursor(statement, values)

    def each(self, statement: Statement, many: Iterable[Mapping[str, Any]]) -> None:
        for values in many:
            self._cursor(statement, values)

    def serialise(self, what: int) -> None:
        if self.locks_rows:
            self.run("SELECT pg_advisory_xact_lock(CAST(:what AS BIGINT))", what=what)

    def alone(self, what: int) -> bool:
        if not self.locks_rows:
            return True
        row = self.one("SELECT pg_try_advisory_xact_lock(CAST(:what AS BIGINT))", what=what)
        return bool(row and row[0])

    def within(self, tenants: Collection[int]) -> None:
        if self.locks_rows and self.one(wall.NARROW, tenants=wall.written(tenants)) is None:
            raise wall.Widened

    def takes_long(self) -> None:
        if self._is_hurried:
            raise Alone

    def _cursor(self, sql: str | Statement, values: Mapping[str, Any]) -> Any:
        if isinstance(sql, str):
            return self._execute(self._translate(sql), values)
        execute = self._execute_anew if sql.anew else self._execute
        return execute(self._translate(sql.sql), values)


def on_sqlite(execute: Execute, *, is_hurried: bool = False) -> Transaction:
    """A transaction on a connection of the standard library's sqlite3.

    Raises Alone from what takes long if it is hurried: in an event loop, where everybody waits.
    """
    return Single(execute, for_sqlite, locks_rows=False, is_hurried=is_hurried)


def on_postgresql(execute: Execute) -> Transaction:
    """A transaction on a connection of psycopg."""
    anew = partial(execute, prepare=False)
    return Single(execute, for_postgresql, locks_rows=True, execute_anew=anew)
