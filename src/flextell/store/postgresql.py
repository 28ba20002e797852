"""PostgreSQL: a connection for each of a few threads, one transaction a unit of work.

Brief units share transactions on connections of their own, without threads: see `lanes`.

Units that must not overlap lock the row they are about (READ COMMITTED); see each verb in `port`.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from flextell.store.lanes import Lanes
from flextell.store.port import StoreAway, StoreBusy, StoreFull, StoreUnavailable, Unit
from flextell.store.reach import Reach
from flextell.store.transaction import Alone, on_postgresql
from flextell.store.turn import Turn, cut
from flextell.store.unit import CODE_RETENTION_SECONDS, SqlUnit, perform
from flextell.store.watch import UNWATCHED, Watch

T = TypeVar("T")

TRIES = 3
# Groups on their way at once: one is sent while the other waits for its commit.
LANES = 2
# A unit that waits for a lock keeps its whole group waiting; after that it waits by itself.
SHARED_LOCK_SECONDS = 0.1
# The server itself ends a wait for a lock after the time that is set; one that stays silent for so
# much longer has stopped, or the way to it has.
SILENCE_SECONDS = 1.0

# A server that keeps its log in memory only would break our word: a 200 is durable. And a node that
# stops in the middle of a transaction must not keep its locks until the network notices.
SESSION = """
SELECT set_config('lock_timeout', %(lock)s, false),
    set_config('idle_in_transaction_session_timeout', %(idle)s, false),
    set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
    ELSE current_setting('synchronous_commit') END, false),
    set_config('max_parallel_workers_per_gather', '0', false)
"""


# The statements that are made for many look up a few rows by their keys. A plan that was made while
# a table was empty would read all of it once it is not.
BY_INDEX = """
SELECT set_config(name, value, false) FROM (VALUES
    ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'),
    ('jit', 'off'), ('plan_cache_mode', 'force_generic_plan')
) AS settings (name, value)
"""


# The function of the server that refuses a row which no policy lets in: its words are translated,
# and its SQLSTATE is that of a missing right.
WALL = "ExecWithCheckOptions"


def translate(error: psycopg.Error) -> StoreUnavailable | None:
    """The store's own words for what PostgreSQL says; None if it is a bug of ours."""
    match error:
        case errors.DiskFull():
            return StoreFull("The disk of the database server is full; make room and try again.")
        case (
            errors.LockNotAvailable()
            | errors.QueryCanceled()
            | errors.TooManyConnections()
            | errors.SerializationFailure()
            | errors.DeadlockDetected()
        ):
            return StoreBusy("The database is too busy; try again in a moment.")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return StoreAway()
        case errors.InsufficientPrivilege() if error.diag.source_function == WALL:
            return None
        case errors.ReadOnlySqlTransaction() | errors.InsufficientPrivilege():
            return StoreUnavailable("The database does not let this user write; check its rights.")
    return None


def connect(
    url: str, wait_seconds: float, lock_seconds: float | None = None
) -> "psycopg.Connection[Any]":
    """A connection whose answers are durable and that never waits for long. Raises psycopg.Error.

    For a lock it waits as long as for everything else, or for `lock_seconds`. What the URL itself
    says of the connection's behaviour is kept.
    """
    lock_seconds = wait_seconds if lock_seconds is None else lock_seconds
    behaviour: dict[str, Any] = {
        "application_name": "flextell",
        "connect_timeout": max(ceil(wait_seconds), 2),  # libpq takes 1 for 2
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": ceil(wait_seconds * 1000),
    }
    connection = psycopg.connect(**behaviour | conninfo_to_dict(url))
    try:
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        connection.execute(
            SESSION,
            {
                "lock": f"{ceil(lock_seconds * 1000)}ms",
                "idle": f"{ceil((wait_seconds + SILENCE_SECONDS) * 1000)}ms",
            },
        )
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


class _Lost(Exception):
    """The connection was gone before the unit asked to commit: nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A thread's own connection, and the unit that works on it, made once for all transactions."""

    connection: "psycopg.Connection[Any]"
    unit: SqlUnit


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a unit of work returned, and when it had a thread (seconds of the monotonic clock)."""

    result: T
    began_at: float
    ended_at: float


class PostgresqlStore:
    """`port.Store` on a PostgreSQL database."""

    def __init__(
        self,
        url: str,
        connections: int,
        wait_seconds: float = 5.0,
        code_retention_seconds: int = CODE_RETENTION_SECONDS,
        watch: Watch = UNWATCHED,
    ) -> None:
        self._watch = watch
        self._url = url
        self._wait_seconds = wait_seconds
        self._code_retention_seconds = code_retention_seconds
        # Together no more connections than were set.
        self._lanes_most = min(LANES, connections - 1)
        self._most = connections - self._lanes_most
        self._inside = 0
        self._lanes: Lanes | None = None
        self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="postgresql")
        self._local = threading.local()
        self._reach = Reach()
        self._connections: set[psycopg.Connection[Any]] = set()
        self._closed = False

    async def write(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        self._refuse_if_closed()
        try:
            if brief and self._lanes_most:
                return await self._reach.ask(lambda: self._share(work))
            return await self._reach.ask(lambda: self._alone(work))
        except StoreUnavailable:
            self._watch.unavailable()
            raise

    async def _share(self, work: Callable[[Unit], T]) -> T:
        try:
            return await self._lanes_here().ask(work)
        except Alone:
            return await self._alone(work)

    def _lanes_here(self) -> Lanes:
        """The lanes of the event loop that runs."""
        lanes = self._lanes
        if lanes is None or lanes.loop is not asyncio.get_running_loop():
            if lanes is not None:
                lanes.close()
            lanes = self._lanes = Lanes(
                self._connect_to_share,
                self._lanes_most,
                self._wait_seconds + SILENCE_SECONDS,
                self._code_retention_seconds,
                self._watch,
            )
        return lanes

    def _connect_to_share(self) -> "psycopg.Connection[Any]":
        try:
            connection = connect(self._url, self._wait_seconds, SHARED_LOCK_SECONDS)
            connection.execute(BY_INDEX)
            connection.commit()
            connection.autocommit = True
        except psycopg.Error as error:
            raise (translate(error) or error) from error
        return connection

    async def _alone(self, work: Callable[[Unit], T]) -> T:
        turn = Turn()
        done = await self._ask(work, turn)
        self._watch.waited(done.began_at - turn.asked_at)
        self._watch.committed(1, done.ended_at - done.began_at)
        return done.result

    async def _ask(self, work: Callable[[Unit], T], turn: Turn) -> "Done[T]":
        loop = asyncio.get_running_loop()
        self._inside += 1
        try:
            async with asyncio.timeout(self._wait_seconds + SILENCE_SECONDS):
                return await loop.run_in_executor(self._threads, self._in_time, work, turn)
        except TimeoutError:
            turn.give_up()
            # It may have been kept, as when a connection is lost at the commit.
            raise StoreAway() from None
        finally:
            self._inside -= 1

    async def read(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        return await self.write(work, brief=brief)

    def at_once(self, work: Callable[[Unit], T]) -> T:
        self._refuse_if_closed()
        # In a thread that has a connection: a node holds no more of them than was set.
        return self._threads.submit(self._run, work, Turn()).result()

    def waiting(self) -> int:
        sharing = self._lanes.waiting() if self._lanes else 0
        return sharing + max(self._inside - self._most, 0)

    def close(self) -> None:
        self._closed = True
        if self._lanes is not None:
            self._lanes.end(self._wait_seconds)
        patience = threading.Timer(self._wait_seconds, self._cut_all)
        patience.start()
        self._threads.shutdown(wait=True)
        patience.cancel()
        while self._connections:
            self._connections.pop().close()

    def _cut_all(self) -> None:
        for connection in tuple(self._connections):
            cut(connection)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The server is stopping; try again in a moment.")

    def _in_time(self, work: Callable[[Unit], T], turn: Turn) -> "Done[T]":
        began_at = time.monotonic()
        if began_at - turn.asked_at > self._wait_seconds:
            raise StoreBusy("The database is too busy; try again in a moment.")
        return Done(self._run(work, turn), began_at, time.monotonic())

    def _run(self, work: Callable[[Unit], T], turn: Turn) -> T:
        error: Exception | None = None
        for _ in range(TRIES):
            turn.check()
            try:
                return self._try(work, turn)
            except (errors.SerializationFailure, errors.DeadlockDetected) as again:
                error = again
            except _Lost as lost:  # as after a restart of the server: the next one may be new
                error = lost.__cause__ if isinstance(lost.__cause__, psycopg.Error) else lost
            except psycopg.Error as problem:
                raise (translate(problem) or problem) from problem
        known = translate(error) if isinstance(error, psycopg.Error) else None
        raise (known or StoreUnavailable("The database cannot be reached.")) from error

    def _try(self, work: Callable[[Unit], T], turn: Turn) -> T:
        opened = self._opened()
        try:
            turn.take(opened.connection)
            return self._kept(work, opened)
        finally:
            turn.leave()

    def _kept(self, work: Callable[[Unit], T], opened: Opened) -> T:
        try:
            result = perform(work, opened.unit)
        except BaseException as error:
            self._roll_back(opened.connection)
            if opened.connection.closed and isinstance(error, psycopg.Error):
                raise _Lost from error
            raise
        try:
            opened.connection.commit()
        except BaseException:
            # Lost here, nobody knows whether it was kept; it is not tried again.
            self._roll_back(opened.connection)
            raise
        return result

    def _opened(self) -> Opened:
        """This thread's own connection. Raises psycopg.Error."""
        opened: Opened | None = getattr(self._local, "opened", None)
        if opened is None or opened.connection.closed:
            connection = connect(self._url, self._wait_seconds)
            self._connections.add(connection)
            transaction = on_postgresql(connection.cursor(binary=True).execute)
            opened = Opened(connection, SqlUnit(transaction, self._code_retention_seconds))
            self._local.opened = opened
        return opened

    def _roll_back(self, connection: "psycopg.Connection[Any]") -> None:
        with suppress(psycopg.Error):
            connection.rollback()
        if connection.closed:
            self._connections.discard(connection)
            connection.close()
