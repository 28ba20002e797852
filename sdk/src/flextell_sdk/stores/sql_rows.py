"""The rows of a `SqlStore`: one for each grant, sealed, under a name that tells nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    exc,
    insert,
    select,
    update,
)

from flextell_sdk.errors import StoreBusy, StoreError
from flextell_sdk.sources import Sources

TABLE = "flextell_tokens"
PAGE = 100

# What databases say when somebody else has the row, or when one of two who wait must start again.
BUSY = frozenset(
    {
        "55P03",  # PostgreSQL: lock_not_available
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        1205,  # MySQL and MariaDB: lock wait timeout; MariaDB says it at NOWAIT too
        1213,  # deadlock
        3572,  # MySQL: NOWAIT
        "SQLITE_BUSY",
    }
)
CODE_OF: tuple[Callable[[Any], object], ...] = (
    lambda error: error.sqlstate,  # psycopg
    lambda error: error.pgcode,  # psycopg2
    lambda error: error.args[0]["C"],  # pg8000
    lambda error: error.sqlite_errorname[: len("SQLITE_BUSY")],  # also SQLITE_BUSY_TIMEOUT
    lambda error: error.args[0],  # the drivers of MySQL and MariaDB
)


def token_table(metadata: MetaData, name: str = TABLE, schema: str | None = None) -> Table:
    """The table of the store, for migrations of your own too."""
    return Table(
        name,
        metadata,
        Column("grant_key", String(64), primary_key=True),  # SHA-256, in hexadecimal
        Column("sealed", LargeBinary),  # null while a grant is held that has no tokens yet
        Column("changed_at", BigInteger, nullable=False),  # in seconds since 1970
        schema=schema,
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table."""

    engine: Engine
    table: Table
    sources: Sources

    def read(self, name: str) -> bytes | None:
        """What is in the row, without waiting for a lock."""
        columns = self.table.c
        with self.told(), self.engine.connect() as connection:
            sealed: bytes | None = connection.scalar(
                select(columns.sealed).where(columns.grant_key == name)
            )
            return sealed

    def every(self) -> Iterator[tuple[str, bytes | None]]:
        """All names and what is in their rows, some at a time."""
        last = ""
        while page := self._page_after(last):
            yield from page
            last = page[-1][0]

    def put(self, connection: Connection, name: str, sealed: bytes | None) -> None:
        """Write or remove the row, which nobody else may be writing."""
        columns = self.table.c
        if sealed is None:
            connection.execute(delete(self.table).where(columns.grant_key == name))
            return
        values = {"sealed": sealed, "changed_at": int(self.sources.now())}
        there = update(self.table).where(columns.grant_key == name).values(values)
        if not connection.execute(there).rowcount:
            connection.execute(insert(self.table).values(grant_key=name, **values))

    def add_empty(self, connection: Connection, name: str) -> None:
        """A row to lock, at once for all to see; it may be there already."""
        now = int(self.sources.now())
        try:
            connection.execute(insert(self.table).values(grant_key=name, changed_at=now))
            connection.commit()
        except exc.IntegrityError:
            connection.rollback()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say as a StoreError what the database did not do."""
        try:
            yield
        except exc.TimeoutError as problem:
            raise StoreBusy("No connection to the database is free.") from problem
        except exc.SQLAlchemyError as problem:
            if is_busy(problem):
                raise StoreBusy("Others use the database and do not let go.") from problem
            raise StoreError(
                f"The database did not do what it was asked with {self.table.fullname}; if there "
                "is no such table, create_table() makes it."
            ) from problem

    def _page_after(self, last: str) -> list[tuple[str, bytes | None]]:
        columns = self.table.c
        rest = select(columns.grant_key, columns.sealed).where(columns.grant_key > last)
        with self.told(), self.engine.connect() as connection:
            page = connection.execute(rest.order_by(columns.grant_key).limit(PAGE))
            return [(row.grant_key, row.sealed) for row in page]


def is_busy(problem: exc.SQLAlchemyError) -> bool:
    """Whether it may go better in a moment."""
    if not isinstance(problem, exc.DBAPIError):
        return False
    return any(_code(read, problem.orig) in BUSY for read in CODE_OF)


def _code(read: Callable[[Any], object], error: BaseException | None) -> object:
    try:
        code = read(error)
    except (AttributeError, LookupError, TypeError):
        return None
    return code if isinstance(code, str | int) else None
