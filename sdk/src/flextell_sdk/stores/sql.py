"""Tokens in a SQL database that programs on many machines share: one sealed row for each grant.

Needs SQLAlchemy (the extra `sql`). While a grant is held one connection of the engine's pool is in
use (on SQLite none), for as long as a refresh takes. Tokens are as durable as any commit there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Engine, MetaData, exc, inspect

from flextell_sdk.errors import StoreDamaged, StoreKeyMissing
from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.stores.holding import holding
from flextell_sdk.stores.keys import VARIABLE, key_from_environment
from flextell_sdk.stores.protocol import Held
from flextell_sdk.stores.sealing import Seal, grant_name
from flextell_sdk.stores.sql_holds import HeldRow, hold_of
from flextell_sdk.stores.sql_rows import TABLE, Rows, token_table
from flextell_sdk.stores.turns import Turns
from flextell_sdk.tokens import Tokens

__all__ = ["SqlStore", "token_table"]

RESEAL_WAIT_SECONDS = 60.0


class SqlStore:
    """`TokenStore` in a table of PostgreSQL, MySQL, MariaDB or SQLite.

    `engine` is any synchronous engine of SQLAlchemy 2, used as it is. Without a `seal` the keys are
    those in `FLEXTELL_TOKEN_KEY`. `table` and `schema` name the table, which `create_table` makes,
    or `token_table` in migrations of your own. Raises StoreKeyMissing, StoreError.
    """

    def __init__(
        self,
        engine: Engine,
        seal: Seal | None = None,
        table: str = TABLE,
        schema: str | None = None,
        sources: Sources = SYSTEM,
    ) -> None:
        self.table = token_table(MetaData(), table, schema)
        self._rows = Rows(engine, self.table, sources)
        self._hold = hold_of(engine.dialect.name)
        self._seal = seal or _shared_seal()
        self._sources = sources
        self._turns = Turns()

    def create_table(self) -> None:
        """Make the table, if it is not there. Raises StoreError."""
        table, engine = self.table, self._rows.engine
        with self._rows.told():
            try:
                table.create(engine, checkfirst=True)
            except exc.DBAPIError:
                # Programs that start together make it together; one is first.
                if not inspect(engine).has_table(table.name, table.schema):
                    raise

    def load(self, key: str) -> Tokens | None:
        name = grant_name(key)
        return self._tokens(name, self._rows.read(name))

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        name = grant_name(key)
        with (
            self._row(name, wait_seconds) as row,
            holding(
                partial(self._tokens, name, row.sealed), partial(self._keep, name, row)
            ) as held,
        ):
            yield held

    def reseal(self) -> int:
        """Seal under the first key whatever is under another; how many grants that were.

        Goes on while programs use the store. What cannot be opened is left as it is. Raises
        StoreError.
        """
        old = (
            name
            for name, sealed in self._rows.every()
            if sealed is not None and not self._seal.is_current(sealed)
        )
        return sum(map(self._reseal, old))

    @contextmanager
    def _row(self, name: str, wait_seconds: float) -> Iterator[HeldRow]:
        """The row, held against all others."""
        give_up_at = self._sources.monotonic() + wait_seconds
        # First among our own threads: of those who wait, one at most takes a connection.
        with self._turns.turn(name, wait_seconds):
            left = max(0.0, give_up_at - self._sources.monotonic())
            with self._hold(self._rows, name, left) as row:
                yield row

    def _reseal(self, name: str) -> bool:
        with self._row(name, RESEAL_WAIT_SECONDS) as row:
            if row.sealed is None or self._seal.is_current(row.sealed):
                return False
            try:
                content = self._seal.open(row.sealed, name)
            except (StoreDamaged, StoreKeyMissing):
                return False
            row.write(self._seal.close(content, name, self._sources))
            return True

    def _tokens(self, name: str, sealed: bytes | None) -> Tokens | None:
        return None if sealed is None else Tokens.from_bytes(self._seal.open(sealed, name))

    def _keep(self, name: str, row: HeldRow, tokens: Tokens | None) -> None:
        if tokens is None:
            row.write(None)
        else:
            row.write(self._seal.close(tokens.to_bytes(), name, self._sources))


def _shared_seal() -> Seal:
    seal = key_from_environment()
    if seal is None:
        raise StoreKeyMissing(
            f"Set {VARIABLE} to a key that all programs with this database share. To make one: "
            'python -c "from flextell_sdk.stores import new_key; print(new_key())"'
        )
    return seal
