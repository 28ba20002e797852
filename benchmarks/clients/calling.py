"""A process that calls with one client library, in threads or in tasks, and tells every outcome.

It is started anew for each process of a scenario. Nothing of a library is imported before the
clock is set, for some take the clock along when they are.
"""

import asyncio
import datetime
import importlib
import inspect
import itertools
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.clients.place import Failed, Lost, Place

READY, OK, LOST, DONE = "ready", "ok", "sign in again", "done"


@dataclass(frozen=True, slots=True)
class Work:
    """What a process does: `calls` of them, if not without end, by so many threads or tasks.

    `signs_in`: the person signs in first, instead of a file being there. `restores`: the tokens are
    read from the file before each call, if the library can be given them. `wrong_by`: how many
    seconds its clock is ahead. Between two calls a thread waits up to `longest_pause` seconds.
    """

    library: str
    signs_in: bool = False
    restores: bool = False
    callers: int = 1
    calls: int = 0
    longest_pause: float = 0.6
    wrong_by: float = 0.0


class Outcomes:
    """Tells them to whoever started this process: READY once, LOST at most once, DONE at the end.

    In between it is OK or a reason for each call.
    """

    def __init__(self, to: Connection) -> None:
        self._to = to
        self._lock = threading.Lock()
        self._over = False

    def tell(self, outcome: str) -> None:
        """Nothing more after LOST."""
        with self._lock:
            if not self._over:
                self._over = outcome.startswith(LOST)
                self._to.send(outcome)

    def of(self, problem: Exception) -> None:
        """Tell how a call failed."""
        match problem:
            case Lost():
                self.tell(f"{LOST}: {problem}")
            case Failed():
                self.tell(str(problem))
            case _:
                self.tell(type(problem).__name__)


def run(place: Place, folder: Path, work: Work, to: Connection, start: Connection) -> None:
    """Call until there were enough calls, or the process is killed.

    Who signs in tells READY after the first call, and waits for a word at `start`.
    """
    set_clock(work.wrong_by)
    # As an operator makes an authority known to programs built on requests.
    os.environ["REQUESTS_CA_BUNDLE"] = str(place.ca_file)
    # Several log each failure with its traceback; here each is counted.
    logging.disable()
    outcomes = Outcomes(to)
    library = importlib.import_module(f"benchmarks.clients.with_{work.library}")
    try:
        session = library.Session(place, folder, signs_in=work.signs_in)
    except Lost as problem:
        outcomes.of(problem)
        return
    turns: Iterator[int] = iter(range(work.calls)) if work.calls else itertools.count()

    def ready() -> None:
        outcomes.tell(READY)
        start.recv()

    if inspect.iscoroutinefunction(session.call):
        asyncio.run(in_tasks(session, work, turns, outcomes, ready))
    else:
        in_threads(session, work, turns, outcomes, ready)
    outcomes.tell(DONE)


def in_threads(
    session: Any, work: Work, turns: Iterator[int], outcomes: Outcomes, ready: Callable[[], None]
) -> None:
    """Every thread takes turns from the same number of calls."""
    if work.signs_in:
        session.call()
        ready()

    def caller() -> None:
        for _ in turns:
            try:
                if work.restores:
                    session.restore()
                session.call()
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is counted
                outcomes.of(problem)
            else:
                outcomes.tell(OK)
            time.sleep(random.uniform(0, work.longest_pause))

    threads = [threading.Thread(target=caller) for _ in range(work.callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def in_tasks(
    session: Any, work: Work, turns: Iterator[int], outcomes: Outcomes, ready: Callable[[], None]
) -> None:
    """As `in_threads`."""
    if work.signs_in:
        await session.call()
        ready()

    async def caller() -> None:
        for _ in turns:
            try:
                if work.restores:
                    session.restore()
                await session.call()
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is counted
                outcomes.of(problem)
            else:
                outcomes.tell(OK)
            await asyncio.sleep(random.uniform(0, work.longest_pause))

    async with asyncio.TaskGroup() as group:
        for _ in range(work.callers):
            group.create_task(caller())


def set_clock(wrong_by: float) -> None:
    """Make the time of day wrong for everything that is imported from now on."""
    if not wrong_by:
        return
    right = time.time
    ahead = datetime.timedelta(seconds=wrong_by)

    class Wrong(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Wrong":
            return super().now(tz) + ahead

        @classmethod
        def utcnow(cls) -> "Wrong":
            return super().utcnow() + ahead

    time.time = lambda: right() + wrong_by
    time.time_ns = lambda: int(time.time() * 1e9)
    datetime.datetime = Wrong  # type: ignore[misc]
