"""A token store of your own: PostgreSQL by psycopg, one sealed row for each grant."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from hashlib import sha256

import psycopg
from psycopg import Connection, IsolationLevel

from flextell_sdk import StoreError, Tokens
from flextell_sdk.errors import StoreBusy
from flextell_sdk.stores import Held, key_from_text
from flextell_sdk.stores.holding import holding

CREATE = "CREATE TABLE kept_tokens (name text PRIMARY KEY, sealed bytea NOT NULL)"
READ = "SELECT sealed FROM kept_tokens WHERE name = %s"
DROP = "DELETE FROM kept_tokens WHERE name = %s"
KEEP = """INSERT INTO kept_tokens VALUES (%s, %s)
          ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed"""
WAIT = "SELECT set_config('lock_timeout', %s, true)"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


class PostgresStore:
    def __init__(self, url: str) -> None:
        self._url = url
        self._seal = key_from_text(os.environ["FLEXTELL_TOKEN_KEY"])

    def load(self, key: str) -> Tokens | None:
        with closing(self._connect()) as connection:
            return self._read(connection, name_of(key))

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        name = name_of(key)
        # A crash closes the connection too; the lock goes with it, or with a commit.
        with closing(self._connect()) as connection:
            with told():
                connection.execute(WAIT, [f"{max(1, round(wait_seconds * 1000))}ms"])
                connection.execute(LOCK, [name])
            read = partial(self._read, connection, name)
            with holding(read, partial(self._keep, connection, name)) as held:
                yield held

    def _connect(self) -> Connection:
        with told():
            connection = psycopg.connect(self._url)
        # A look after the lock must see what was committed while we waited for it.
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        return connection

    def _read(self, connection: Connection, name: str) -> Tokens | None:
        with told():
            row = connection.execute(READ, [name]).fetchone()
        return Tokens.from_bytes(self._seal.open(row[0], name)) if row else None

    def _keep(self, connection: Connection, name: str, tokens: Tokens | None) -> None:
        with told():
            if tokens is None:
                connection.execute(DROP, [name])
            else:
                connection.execute(KEEP, [name, self._seal.close(tokens.to_bytes(), name)])
            connection.commit()


def name_of(key: str) -> str:
    """Any text is a key, and a database need not know whose tokens it keeps."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def told() -> Iterator[None]:
    """Say as a StoreError what the database did not do."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as problem:
        raise StoreBusy("Another program holds these tokens and does not let go.") from problem
    except psycopg.Error as problem:
        raise StoreError("The database did not do what it was asked.") from problem
