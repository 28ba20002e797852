"""A connection to PostgreSQL that an event loop drives: many statements, one round trip."""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format

from flextell.store.transaction import Row

Call = tuple[str, Sequence[bytes]]
"""A statement with $1, $2 ..., and its values in binary form."""

_DONE = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})


class Line:
    """One connection, made by psycopg in autocommit mode, and used by one task at a time.

    psycopg's own cursors cost twice as much here: they wait for each statement by itself, and
    their way of waiting in an event loop takes a tenth of a millisecond.
    """

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        self._wire = connection.pgconn
        self._reader = Transformer(connection)
        self._loop = asyncio.get_running_loop()
        self._names: dict[str, bytes] = {}
        self._numbers = count()
        self._results: list[pq.abc.PGresult] = []
        self._heard: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self.closed = False
        self._socket = self._wire.socket  # libpq forgets the number when it loses the connection
        self._wire.nonblocking = 1
        self._wire.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._listen)

    async def ask(self, calls: Sequence[Call]) -> list[list[Row]]:
        """The rows of each statement, in one round trip. Raises psycopg.Error: the first one."""
        if self.closed:
            raise errors.OperationalError("the connection is closed")
        fresh = self._send(calls)
        self._heard = self._loop.create_future()
        await self._flush()
        await self._heard
        results, self._results = self._results, []
        for result in results:
            if result.status not in _DONE:
                # Nobody knows which of them the server got to before the error.
                for sql in fresh:
                    del self._names[sql]
                raise errors.error_from_result(result, self._connection.info.encoding)
        return [self._rows(result) for result in results[len(fresh) :]]

    def _send(self, calls: Sequence[Call]) -> list[str]:
        """Hand everything to libpq; say which statements it will know by name from now on."""
        fresh = list({sql: None for sql, _ in calls if sql not in self._names})
        for sql in fresh:
            self._names[sql] = name = f"flextell_{next(self._numbers)}".encode()
            self._wire.send_prepare(name, sql.encode())
        for sql, values in calls:
            formats = [Format.BINARY] * len(values)
            self._wire.send_query_prepared(self._names[sql], values, formats, Format.BINARY)
        self._wire.pipeline_sync()
        return fresh

    async def _flush(self) -> None:
        while self._wire.flush():
            self._writable = self._loop.create_future()
            self._loop.add_writer(self._socket, self._writable.set_result, None)
            try:
                await self._writable
            finally:
                if not self.closed:
                    self._loop.remove_writer(self._socket)

    def _listen(self) -> None:
        """Take what the server says; an end that nobody waits for closes the line."""
        try:
            self._wire.consume_input()
            while self._heard is not None and not self._wire.is_busy():
                self._take(self._wire.get_result())
        except psycopg.Error as lost:
            self.close(lost)

    def _take(self, result: pq.abc.PGresult | None) -> None:
        if result is None:  # between two statements
            return
        if result.status != ExecStatus.PIPELINE_SYNC:
            self._results.append(result)
        elif self._heard is not None:
            heard, self._heard = self._heard, None
            if not heard.done():
                heard.set_result(None)

    def _rows(self, result: pq.abc.PGresult) -> list[Row]:
        if not result.ntuples:
            return []
        self._reader.set_pgresult(result)
        return self._reader.load_rows(0, result.ntuples, tuple)

    def close(self, why: Exception | None = None) -> None:
        """Let go of the connection; whoever waits for an answer is told `why`."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._connection.close()
        for waits in (self._heard, self._writable):
            if waits is not None and not waits.done():
                waits.set_exception(why or errors.OperationalError("the connection was closed"))
