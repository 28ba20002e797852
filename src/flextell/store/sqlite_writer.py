"""Who writes to SQLite, and when: group after group, one commit for each.

The file has one writer at a time, so the groups take turns. Brief units of work run in the event
loop, where a statement costs less than waking a thread; only their commit, which waits for the
disk, is left to a thread, and meanwhile the loop serves others. All other units run in the thread.
Who comes while a group is on its way belongs to the next one.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from queue import SimpleQueue
from typing import Any

from flextell.store.port import StoreBusy, StoreUnavailable, Unit
from flextell.store.sqlite import Opened, roll_back, translate
from flextell.store.transaction import Alone
from flextell.store.unit import perform
from flextell.store.watch import Watch

# So many units share one commit at most: enough to use a disk well, few enough to answer soon.
MOST_IN_A_GROUP = 128
# In the event loop everybody else waits for the whole group.
MOST_IN_THE_LOOP = 32


@dataclass(slots=True, eq=False)
class Job:
    """A unit of work that waits for its turn, and the future of its outcome."""

    work: Callable[[Unit], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    asked_at: float
    result: Any = None
    error: BaseException | None = None

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


class Turn(Enum):
    """Whose turn it is to write."""

    NOBODY = "nobody waits"
    LOOP = "a group of brief units will run in the loop"
    LOOP_RUNS = "it runs there, or is being committed by the thread"
    THREAD = "a group of other units"


class Writer:
    """Takes units of work from any thread, and lets each know what became of it."""

    def __init__(
        self,
        patient: Callable[[], Opened],
        hurried: Callable[[], Opened],
        watch: Watch,
    ) -> None:
        """`patient` and `hurried` open a connection that waits for locks, and one that does not."""
        self._patient = cache(patient)
        self._hurried = cache(hurried)
        self._watch = watch
        self._lock = threading.Lock()  # for what follows
        self._turn = Turn.NOBODY
        self._brief: deque[Job] = deque()
        self._others: deque[Job] = deque()
        self._home: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False

    def ask(self, job: Job, *, brief: bool) -> None:
        """Let it have its turn; called in its loop. Raises StoreUnavailable at the end."""
        with self._lock:
            if self._closed:
                raise StoreUnavailable("The server is stopping; try again in a moment.")
            self._start()
            if self._home is not None and self._home.is_closed():
                self._leave_home()
            if not (brief and self._is_at_home(job.loop)):
                self._others.append(job)
                if self._turn is Turn.NOBODY:
                    self._let_the_thread()
            else:
                self._brief.append(job)
                if self._turn is Turn.NOBODY:
                    self._turn = Turn.LOOP
                    # Not at once: who else asks in this round of the loop shares the commit.
                    job.loop.call_soon(self._write_in_loop)

    def waiting(self) -> int:
        """How many units wait for their group to begin."""
        return len(self._brief) + len(self._others)

    def close(self) -> None:
        """Let all who wait be served by the thread, and it end."""
        with self._lock:
            self._closed = True
            self._others.extend(self._brief)
            self._brief.clear()
            if self._turn is Turn.LOOP and self._others:  # this may be the loop: it would not come
                self._let_the_thread()
            elif self._turn in (Turn.LOOP, Turn.NOBODY):
                self._orders.put(None)
        if self._thread is not None:
            self._thread.join()

    def _is_at_home(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this is the one loop where brief units run; the first one is, until its end."""
        if self._home is None:
            self._home = loop
        return self._home is loop

    def _leave_home(self) -> None:
        """The loop was closed: nobody is left there to hear of anything."""
        self._home = None
        self._brief.clear()
        if self._turn is Turn.LOOP:
            self._let_the_thread()  # which may find nobody

    def _let_the_thread(self) -> None:
        self._turn = Turn.THREAD
        self._orders.put(self._write_in_thread)

    def _start(self) -> None:
        """Have a thread before anything is begun: a machine may have none left."""
        if self._thread is None:
            thread = threading.Thread(target=self._obey, name="write", daemon=True)
            thread.start()
            self._thread = thread

    def _obey(self) -> None:
        while (order := self._orders.get()) is not None:
            order()

    def _end_turn(self, group: list[Job]) -> None:
        """Let those wait no longer who did not have the last turn, and tell this group."""
        with self._lock:
            before, self._turn = self._turn, Turn.NOBODY
            if self._brief and (before is Turn.THREAD or not self._others):
                self._turn = Turn.LOOP
            elif self._others:
                self._let_the_thread()
            elif self._closed:
                self._orders.put(None)
            home = self._home if self._turn is Turn.LOOP else None
        loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        for job in group:
            loops.setdefault(job.loop, []).append(job)
        for loop, jobs in loops.items():
            with suppress(RuntimeError):  # the loop was closed while we wrote
                loop.call_soon_threadsafe(_settle, jobs)
        if home is not None:
            try:
                home.call_soon_threadsafe(self._write_in_loop)
            except RuntimeError:
                with self._lock:
                    if self._home is home:
                        self._leave_home()

    def _write_in_loop(self) -> None:
        with self._lock:
            if self._turn is not Turn.LOOP:  # it was given to the thread, because of the end
                return
            self._turn = Turn.LOOP_RUNS
            group = _first(self._brief, MOST_IN_THE_LOOP)
        began = time.perf_counter()
        try:
            opened = self._hurried()
            self._run_all(opened, group)
        except BaseException:  # noqa: BLE001 - a lock, a full disk: the thread waits, and tells
            self._hand_over(group)
            self._end_turn([])
            return
        if alone := [job for job in group if isinstance(job.error, Alone)]:
            self._hand_over(alone)
            group = [job for job in group if job not in alone]
        self._orders.put(partial(self._commit, opened, group, began))

    def _run_all(self, opened: Opened, group: list[Job], most: int = 0) -> None:
        """Run the group, which others join up to `most`; it is still to be committed.

        Raises if nothing of it can be.
        """
        opened.connection.execute("BEGIN IMMEDIATE")
        try:
            for job in group:
                self._watch.waited(time.perf_counter() - job.asked_at)
                _run(opened, job)
                if len(group) < most:
                    group += self._queued()
        except BaseException:
            roll_back(opened.connection)
            raise

    def _hand_over(self, group: list[Job]) -> None:
        """Let the thread run them from their start, as the next ones."""
        for job in group:
            job.result = job.error = None
        with self._lock:
            self._others.extendleft(reversed(group))

    def _commit(self, opened: Opened, group: list[Job], began: float) -> None:
        """Make durable what ran, and tell everybody in it."""
        try:
            opened.connection.execute("COMMIT")
            self._watch.committed(len(group), time.perf_counter() - began)
        except BaseException as error:  # noqa: BLE001 - the thread outlives any job
            roll_back(opened.connection)
            self._fail(group, error)
        self._end_turn(group)

    def _write_in_thread(self) -> None:
        with self._lock:
            if self._turn is not Turn.THREAD:  # another turn has begun since
                return
        group = self._queued()
        if not group:
            self._end_turn(group)
            return
        try:
            opened = self._patient()
            began = time.perf_counter()
            self._run_all(opened, group, MOST_IN_A_GROUP)
        except BaseException as error:  # noqa: BLE001 - the thread outlives any job
            # Nothing was kept, so nobody may be told that anything was.
            self._fail(group, error)
            self._end_turn(group)
            return
        self._commit(opened, group, began)

    def _queued(self) -> list[Job]:
        """The next of the others, if one waits."""
        with self._lock:
            return _first(self._others, 1)

    def _fail(self, group: list[Job], error: BaseException) -> None:
        if isinstance(error, sqlite3.Error) and isinstance(translate(error), StoreBusy):
            # Those queued behind waited for the same lock: they do not wait as long again.
            with self._lock:
                group += [*self._others, *self._brief]
                self._others.clear()
                self._brief.clear()
        for job in group:
            job.fail(error)


def _first(jobs: deque[Job], most: int) -> list[Job]:
    return [jobs.popleft() for _ in range(min(most, len(jobs)))]


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


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()
