"""Fill columns of a table that is in use: a few rows at a time, from the first key to the last.

Each batch is one short transaction, in which the position is kept too: cut short at any moment, the
work goes on where it was. A batch takes about as long as it should, whatever the machine.
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from flextell.progress import Progress, Report
from flextell.store.taking_turns import is_in_use, turn
from flextell.store.transaction import for_sqlite

# While SQLite runs a batch nobody else writes; in PostgreSQL only its rows are locked.
BATCH_SECONDS = {"sqlite": 0.02, "postgresql": 0.1}
FIRST_ROWS, LEAST_ROWS, MOST_ROWS = 200, 20, 20_000
ROW_LOCK_MILLISECONDS = 2000

Key = bytes | int | str


@dataclass(frozen=True, slots=True)
class Backfill:
    """What to do with every row of a table, in SQL: the next rows by their key are its `{rows}`.

    `key` is the primary key, one column. Rows that others add meanwhile may be passed over: they
    are found by a second backfill, once nobody adds such rows any more.
    """

    name: str
    table: str
    key: str
    statement: str

    def count(self, connection: Connection) -> int:
        """How many rows it will look at, for the one who waits."""
        return int(connection.execute(text(f"SELECT count(*) FROM {self.table}")).scalar_one())

    def batch(self, connection: Connection, position: str | None, rows: int) -> str | None:
        """Fill the next rows after a position; the new position, None at the end."""
        after = f"{self.key} > :after" if position is not None else "1 = 1"
        values: dict[str, Any] = {"after": key_of(position)} if position is not None else {}
        ends = (
            f"SELECT {self.key} FROM {self.table} WHERE {after} "
            f"ORDER BY {self.key} LIMIT 1 OFFSET :others"
        )
        last = connection.execute(text(ends), values | {"others": rows - 1}).scalar()
        until = f"{self.key} <= :last" if last is not None else "1 = 1"
        if last is not None:
            values["last"] = last
        sql = self.statement.replace("{rows}", f"{after} AND {until}")
        if connection.dialect.name == "sqlite":
            sql = for_sqlite(sql)
        connection.execute(text(sql), values)
        return None if last is None else text_of(last)


def fill(connection: Connection, step: Backfill, report: Report) -> None:
    """Batch after batch, with a rest after each in which others get their turn."""
    total = step.count(connection)
    connection.rollback()
    rows, best = FIRST_ROWS, BATCH_SECONDS[connection.dialect.name]
    done: int | None = 0
    while done is not None:
        try:
            with turn(connection, ROW_LOCK_MILLISECONDS):
                began = time.monotonic()
                done = _next_batch(connection, step, rows)
        except DBAPIError as error:
            if not is_in_use(error):
                raise
            rows = max(rows // 2, 1)
            continue
        seconds = time.monotonic() - began
        report(Progress(step.name, total if done is None else min(done, total), total))
        rows = next_rows(rows, seconds, best)
        time.sleep(seconds)


def _next_batch(connection: Connection, step: Backfill, rows: int) -> int | None:
    """One batch from where the work stands; how many rows are done then, None if all are."""
    row = connection.execute(
        text("SELECT position, done FROM migration_steps WHERE name = :name"), {"name": step.name}
    ).first()
    # Of two who fill an SQLite database in turns the other one may have come to the end.
    position = step.batch(connection, row.position, rows) if row is not None else None
    if row is None or position is None:
        forget(connection, step.name)
        return None
    done: int = row.done + rows
    connection.execute(
        text("UPDATE migration_steps SET position = :position, done = :done WHERE name = :name"),
        {"position": position, "done": done, "name": step.name},
    )
    return done


def forget(connection: Connection, name: str) -> None:
    """A step is done."""
    connection.execute(text("DELETE FROM migration_steps WHERE name = :name"), {"name": name})


def next_rows(rows: int, seconds: float, best: float) -> int:
    """How many rows the next batch should have, if one of `rows` took so long; `best` is a time."""
    wanted = int(rows * best / max(seconds, 0.001))
    return min(max(wanted, rows // 2, LEAST_ROWS), rows * 2, MOST_ROWS)


def text_of(key: Key) -> str:
    """A key as text, from which it can be made again."""
    if isinstance(key, bytes):
        return f"x{key.hex()}"
    return f"i{key}" if isinstance(key, int) else f"t{key}"


def key_of(position: str) -> Key:
    """The key that was made into this text."""
    kinds: dict[str, Any] = {"x": bytes.fromhex, "i": int, "t": str}
    key: Key = kinds[position[0]](position[1:])
    return key
