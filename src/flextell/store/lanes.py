"""Who shares a transaction with whom: what is asked while a group is on its way comes next."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from flextell.store.line import Line
from flextell.store.port import StoreAway, StoreUnavailable, Unit
from flextell.store.sharing import ROLLBACK, Group, Job, Spoiled
from flextell.store.transaction import Alone
from flextell.store.watch import Watch

log = logging.getLogger(__name__)

T = TypeVar("T")

# So many units share one commit at most: enough to use the server well, few enough to answer soon.
MOST_IN_A_GROUP = 128
# A group costs nearly the same however many are in it, so there is one at a time, until so many
# wait for the next, or it takes so long.
ENOUGH = 8
PATIENT_SECONDS = 0.02


class Silent(Exception):
    """The server has not said a word for too long."""


@dataclass(slots=True, eq=False)
class Lane:
    """A connection, once it has been made, and whether the group on its way takes long."""

    line: Line | None = None
    late: bool = False


class Lanes:
    """A few connections in one event loop, each with at most one group on its way."""

    def __init__(
        self,
        connect: Callable[[], "psycopg.Connection[Any]"],
        lanes: int,
        patience_seconds: float,
        code_retention_seconds: int,
        watch: Watch,
    ) -> None:
        self._connect = connect
        self._patience_seconds = patience_seconds
        self._code_retention_seconds = code_retention_seconds
        self._watch = watch
        self.loop = asyncio.get_running_loop()
        self._queue: deque[Job] = deque()
        self._idle = [Lane() for _ in range(lanes)]
        self._busy: list[Lane] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def waiting(self) -> int:
        """How many units wait for their group to begin."""
        return len(self._queue)

    async def ask(self, work: Callable[[Unit], T]) -> T:
        """What the unit returned. Raises Alone, StoreUnavailable, and whatever it raised."""
        job = Job(work, self.loop.create_future(), time.monotonic())
        self._queue.append(job)
        if len(self._queue) >= ENOUGH or all(lane.late for lane in self._busy):
            self._begin()
        outcome: T = await job.future
        return outcome

    def _begin(self) -> None:
        """Let another lane serve those who wait."""
        if self._idle and self._queue:
            lane = self._idle.pop()
            self._busy.append(lane)
            task = self.loop.create_task(self._serve(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _is_late(self, lane: Lane) -> None:
        lane.late = True
        self._begin()

    def close(self) -> None:
        """Let go of the connections, in the loop or after its end; who waits is told."""
        self._closed = True
        for lane in (*self._idle, *self._busy):
            if lane.line is not None:
                lane.line.close()

    def end(self, wait_seconds: float) -> None:
        """Close from any thread; from another one than the loop's, finish what was begun."""
        if not self.loop.is_running() or _running_loop() is self.loop:
            self.close()
            return
        finished = asyncio.run_coroutine_threadsafe(self._finish(wait_seconds), self.loop)
        with suppress(TimeoutError):
            finished.result(wait_seconds + 1)

    async def _finish(self, wait_seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=wait_seconds)
        self.close()

    async def _serve(self, lane: Lane) -> None:
        """Group after group, until nobody waits."""
        while self._queue:
            most = min(len(self._queue), MOST_IN_A_GROUP)
            jobs = [self._queue.popleft() for _ in range(most)]
            began_at = time.monotonic()
            for job in jobs:
                self._watch.waited(began_at - job.asked_at)
            lane.late = False
            late = self.loop.call_later(PATIENT_SECONDS, self._is_late, lane)
            await self._carry(jobs, lane)
            late.cancel()
            self._watch.committed(len(jobs), time.monotonic() - began_at)
        self._busy.remove(lane)
        self._idle.append(lane)

    async def _carry(self, jobs: Sequence[Job], lane: Lane) -> None:
        """Run a group, and tell everybody in it."""
        try:
            line = await self._open(lane)
        except StoreUnavailable as away:
            self._tell_everybody(jobs, away)
            return
        except psycopg.Error:  # a bug, or a URL that cannot be: each finds out by itself
            for job in jobs:
                job.give_up(Alone())
            return
        group = Group(line, self._code_retention_seconds)
        patience = self.loop.call_later(self._patience_seconds, line.close, Silent())
        try:
            await group.run(jobs)
        except Silent:
            # It may have been kept, as when a connection is lost at the commit.
            self._tell_everybody(jobs, StoreAway())
        except Exception as error:  # noqa: BLE001 - whatever it is, each finds out by itself
            _note(error)
            lost_at_commit = group.committing and line.closed
            for job in jobs:
                job.give_up(StoreAway() if lost_at_commit else Alone())
            await _roll_back(line)
        finally:
            patience.cancel()

    async def _open(self, lane: Lane) -> Line:
        """The lane's line, another one if that was cut off meanwhile. Raises StoreUnavailable."""
        if lane.line is None or lane.line.closed:
            lane.line = Line(await self.loop.run_in_executor(None, self._connect))
            if self._closed:
                lane.line.close()
        return lane.line

    def _tell_everybody(self, jobs: Sequence[Job], problem: StoreUnavailable) -> None:
        """Those behind would hear the same, later."""
        for job in (*jobs, *self._queue):
            job.give_up(problem)
        self._queue.clear()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


async def _roll_back(line: Line) -> None:
    try:
        await line.ask([ROLLBACK])
    except psycopg.Error:
        line.close()


def _note(error: Exception) -> None:
    """Only what is a bug of ours is worth a line: the rest happens, and is told to who asked."""
    if not isinstance(error, (psycopg.Error, Spoiled)):
        log.warning("A group of units of work was broken up.", exc_info=error)
