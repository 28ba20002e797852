"""SQLite: one writer thread with group commit, a few readers (WAL, synchronous=FULL).

Many requests wait for one fsync: the writer runs each unit that is queued inside its own
savepoint of one transaction, commits once, and only then lets anybody know.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from flextell.store.port import StoreBusy, StoreFull, StoreUnavailable, Unit
from flextell.store.transaction import Alone, on_sqlite
from flextell.store.unit import CODE_RETENTION_SECONDS, SqlUnit, perform
from flextell.store.watch import UNWATCHED, Watch

T = TypeVar("T")

# So many units share one commit at most: enough to use a disk well, few enough to answer soon.
MOST_IN_A_GROUP = 128
READERS = 2

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # in WAL: what was committed survives a power cut, not only a crash
    "foreign_keys=ON",
    "cache_size=-32768",  # KiB
    "wal_autocheckpoint=4000",  # pages (16 MiB): random keys dirty the same pages again and again
)


def translate(error: sqlite3.Error) -> StoreUnavailable | None:
    """The store's own words for what SQLite says; None if it is a bug of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return StoreBusy("The database is locked by another program; try again in a moment.")
    if code == sqlite3.SQLITE_FULL:
        return StoreFull("The disk of the data directory is full; make room and try again.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreUnavailable(
            "The database cannot be opened for writing; check the permissions of its folder."
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreUnavailable(
            "The database file is damaged or not a database; restore it from a backup."
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreUnavailable("The disk of the data directory failed; check it and try again.")
    return None


def connect(path: Path, wait_seconds: float) -> sqlite3.Connection:
    """A connection to an existing file whose answers are durable. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",  # never makes an empty database in place of a lost
        uri=True,
        timeout=wait_seconds,
        isolation_level=None,  # we say BEGIN and COMMIT ourselves
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class Opened:
    """A thread's own connection, and the unit that works on it, made once for all transactions."""

    connection: sqlite3.Connection
    unit: SqlUnit


@dataclass(slots=True)
class Job:
    """A unit of work that waits for the writer, and the future of its outcome."""

    work: Callable[[Unit], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    asked_at: float
    result: Any = None
    error: BaseException | None = field(default=None)

    def fail(self, error: BaseException) -> None:
        """Nothing of this unit was kept, whatever it returned."""
        known = translate(error) if isinstance(error, sqlite3.Error) else None
        if known is not None:
            known.__cause__ = error
        # Its own mistake, if it made one, tells its caller more than what befell the group.
        self.result, self.error = None, self.error or known or error

    def settle(self) -> None:
        """Tell the waiting task, in its loop."""
        if self.future.done():  # the task was cancelled: what it asked for is done all the same
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


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
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._queueing = threading.Lock()
        self._closed = False

    async def write(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._queueing:  # nothing is queued behind the end that `close` sets
            self._refuse_if_closed()
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="write", daemon=True)
                self._writer.start()
            self._jobs.put(Job(work, loop, future, time.perf_counter()))
        try:
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
                    return self._read(work, wait_seconds=0)
            return await loop.run_in_executor(self._readers, self._read, work)
        except StoreUnavailable:
            self._watch.unavailable()
            raise

    def waiting(self) -> int:
        return self._jobs.qsize()

    def at_once(self, work: Callable[[Unit], T]) -> T:
        self._refuse_if_closed()
        try:
            opened = self._opened()
            execute = opened.connection.execute
            execute("BEGIN IMMEDIATE")
            try:
                result = perform(work, opened.unit)
                execute("COMMIT")
            except BaseException:
                _roll_back(opened.connection)
                raise
        except sqlite3.Error as error:
            raise (translate(error) or error) from error
        return result

    def close(self) -> None:
        with self._queueing:
            self._closed = True
            self._jobs.put(None)
        if self._writer is not None:
            self._writer.join()
        self._readers.shutdown(wait=True)
        while self._connections:
            self._connections.pop().close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The server is stopping; try again in a moment.")

    def _opened(self, wait_seconds: float | None = None) -> Opened:
        """This thread's own connection, another one for each way to wait. Raises sqlite3.Error."""
        kind = "opened" if wait_seconds is None else "impatient"
        opened: Opened | None = getattr(self._local, kind, None)
        if opened is None:
            connection = connect(
                self._path, self._wait_seconds if wait_seconds is None else wait_seconds
            )
            self._connections.append(connection)
            transaction = on_sqlite(connection.execute, is_hurried=wait_seconds is not None)
            opened = Opened(connection, SqlUnit(transaction, self._code_retention_seconds))
            setattr(self._local, kind, opened)
        return opened

    def _read(self, work: Callable[[Unit], T], wait_seconds: float | None = None) -> T:
        try:
            opened = self._opened(wait_seconds)
            opened.connection.execute("BEGIN")
            try:
                return perform(work, opened.unit)
            finally:
                _roll_back(opened.connection)
        except sqlite3.Error as error:
            raise (translate(error) or error) from error

    def _write_all(self) -> None:
        """Group after group until `close`."""
        while (first := self._jobs.get()) is not None:
            group = [first]
            try:
                self._write_group(group)
            except BaseException as error:  # noqa: BLE001 - the writer thread outlives any job
                # Nothing was kept, so nobody may be told that anything was.
                if isinstance(error, sqlite3.Error) and isinstance(translate(error), StoreBusy):
                    # Those queued behind waited for the same lock: they do not wait as long again.
                    while (job := self._queued()) is not None:
                        group.append(job)
                for job in group:
                    job.fail(error)
            _settle(group)

    def _write_group(self, group: list[Job]) -> None:
        """Run and commit the group, which those who come meanwhile join; raise if none is kept."""
        opened = self._opened()
        began = time.perf_counter()
        opened.connection.execute("BEGIN IMMEDIATE")
        try:
            for job in group:
                self._watch.waited(time.perf_counter() - job.asked_at)
                _run(opened, job)
                if len(group) < MOST_IN_A_GROUP and (another := self._queued()) is not None:
                    group.append(another)
            opened.connection.execute("COMMIT")
        except BaseException:
            _roll_back(opened.connection)
            raise
        self._watch.committed(len(group), time.perf_counter() - began)

    def _queued(self) -> Job | None:
        """The next job if one waits."""
        try:
            job = self._jobs.get_nowait()
        except Empty:
            return None
        if job is None:
            self._jobs.put(None)  # the end is for `_write_all` to see, after this group
        return job


def _run(opened: Opened, job: Job) -> None:
    """Run one unit, so that its mistakes leave its neighbours unharmed."""
    execute = opened.connection.execute
    execute("SAVEPOINT unit")
    try:
        job.result = perform(job.work, opened.unit)
    except BaseException as error:
        if isinstance(error, sqlite3.Error) and translate(error) is not None:
            raise  # full disk and the like concern the whole group
        job.error = error
        execute("ROLLBACK TO unit")
    execute("RELEASE unit")


def _roll_back(connection: sqlite3.Connection) -> None:
    # After some errors SQLite has rolled back by itself, and says so with another one.
    with suppress(sqlite3.Error):
        connection.execute("ROLLBACK")


def _settle(group: list[Job]) -> None:
    """Wake the waiting tasks: one call into each loop, however many wait there."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in group:
        loops.setdefault(job.loop, []).append(job)
    for loop, jobs in loops.items():
        with suppress(RuntimeError):  # the loop was closed while we wrote
            loop.call_soon_threadsafe(_settle_in_loop, jobs)


def _settle_in_loop(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()
