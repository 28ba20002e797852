"""SQLite: one writer with group commit, a few readers."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from flextell.store import sqlite
from flextell.store.port import StoreBusy, StoreUnavailable, Unit
from flextell.store.sqlite import Opened, roll_back, translate
from flextell.store.sqlite_writer import Job, Writer
from flextell.store.transaction import Alone
from flextell.store.unit import CODE_RETENTION_SECONDS, perform
from flextell.store.watch import UNWATCHED, Watch

T = TypeVar("T")

READERS = 2


class SqliteStore:
    """`port.Store` on one SQLite file."""

    def __init__(
        self,
        path: Path,
        wait_seconds: float = 5.0,
        code_retention_seconds: int = CODE_RETENTION_SECONDS,
        watch: Watch = UNWATCHED,
    ) -> None:
        self._watch = watch
        self._path = path
        self._wait_seconds = wait_seconds
        self._code_retention_seconds = code_retention_seconds
        self._writer = Writer(self._open, self._open_hurried, watch)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False

    async def write(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        self._refuse_if_closed()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        try:
            self._writer.ask(Job(work, loop, future, time.perf_counter()), brief=brief)
            return await future
        except StoreUnavailable:
            self._watch.unavailable()
            raise

    async def read(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        self._refuse_if_closed()
        loop = asyncio.get_running_loop()
        try:
            if brief:
                # A reader hardly ever waits (WAL), and a thread costs more than what it asks.
                with suppress(StoreBusy, Alone):
                    return self._read(work, is_hurried=True)
            return await loop.run_in_executor(self._readers, self._read, work)
        except StoreUnavailable:
            self._watch.unavailable()
            raise

    def waiting(self) -> int:
        return self._writer.waiting()

    def at_once(self, work: Callable[[Unit], T]) -> T:
        self._refuse_if_closed()
        try:
            opened = self._here()
            execute = opened.connection.execute
            execute("BEGIN IMMEDIATE")
            try:
                result = perform(work, opened.unit)
                execute("COMMIT")
            except BaseException:
                roll_back(opened.connection)
                raise
        except sqlite3.Error as error:
            raise (translate(error) or error) from error
        return result

    def close(self) -> None:
        self._closed = True
        self._writer.close()
        self._readers.shutdown(wait=True)
        while self._connections:
            self._connections.pop().close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The server is stopping; try again in a moment.")

    def _open(self) -> Opened:
        """A connection that waits for locks as long as was set. Raises sqlite3.Error."""
        return self._noted(
            sqlite.opened(self._path, self._wait_seconds, self._code_retention_seconds)
        )

    def _open_hurried(self) -> Opened:
        """A connection that waits for nothing, as in an event loop. Raises sqlite3.Error."""
        return self._noted(
            sqlite.opened(self._path, 0, self._code_retention_seconds, is_hurried=True)
        )

    def _noted(self, opened: Opened) -> Opened:
        self._connections.append(opened.connection)
        return opened

    def _here(self, is_hurried: bool = False) -> Opened:
        """This thread's own connection, another one for each way to wait. Raises sqlite3.Error."""
        kind = "hurried" if is_hurried else "patient"
        opened: Opened | None = getattr(self._local, kind, None)
        if opened is None:
            opened = self._open_hurried() if is_hurried else self._open()
            setattr(self._local, kind, opened)
        return opened

    def _read(self, work: Callable[[Unit], T], is_hurried: bool = False) -> T:
        try:
            opened = self._here(is_hurried)
            opened.connection.execute("BEGIN")
            try:
                return perform(work, opened.unit)
            finally:
                roll_back(opened.connection)
        except sqlite3.Error as error:
            raise (translate(error) or error) from error
