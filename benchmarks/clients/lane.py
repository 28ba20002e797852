"""One library at one server: the processes that call, and the count of what became of it."""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.clients.calling import LOST, OK, READY, Work, run
from benchmarks.clients.place import Place
from tests.together.fault_proxy import FaultProxy
from tests.together.faults import CALM, Faults

SECONDS_TO_START = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario: how many processes and threads (or tasks), for how many lifetimes or calls.

    `brought`: the person signs in at another machine, whose clock is right. `restores`: as in Work.
    """

    name: str
    processes: int = 1
    callers: int = 16
    lifetimes: int = 20
    calls: int = 0
    longest_pause: float = 0.6
    faults: Faults = CALM
    wrong_by: float = 0.0
    brought: bool = False
    restores: bool = False


@dataclass(slots=True)
class Row:
    """What a scenario came to. `failed` counts reasons; `lost` sign-ins."""

    library: str
    server: str
    scenario: str
    refreshes: int = 0
    seconds: float = 0.0
    made: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    def count(self, outcome: str) -> None:
        """One call, by what it ended with."""
        self.made += 1
        self.lost += outcome.startswith(LOST)
        if outcome != OK:
            self.failed[outcome] += 1


class Worker:
    """A process at work."""

    def __init__(self, place: Place, folder: Path, work: Work) -> None:
        spawning = multiprocessing.get_context("spawn")
        self.said, theirs = spawning.Pipe(duplex=False)
        start, self._start = spawning.Pipe(duplex=False)
        self._process: BaseProcess = spawning.Process(
            target=run, args=(place, folder, work, theirs, start), daemon=True
        )
        self._process.start()
        theirs.close()
        start.close()

    def until_ready(self) -> None:
        """Wait until the person has signed in there."""
        assert self.said.poll(SECONDS_TO_START)
        assert self.said.recv() == READY

    def go(self) -> None:
        """Let it call."""
        self._start.send("go")

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process.pid is not None
        self._process.kill()
        self._process.join()
        assert self._process.exitcode in (-signal.SIGKILL, 0)

    def rest(self) -> Iterator[str]:
        """What it said and nobody has heard yet."""
        try:
            while self.said.poll():
                yield self.said.recv()
        except (EOFError, OSError):
            pass  # killed in the middle of a word

    def leave(self) -> None:
        """End it, if it has not ended."""
        self.kill()
        self.said.close()
        self._start.close()


@dataclass(frozen=True, slots=True)
class Lane:
    """One library at one server, which nobody else uses."""

    library: str
    server: str
    place: Place
    proxy: FaultProxy

    def row(self, scenario: str) -> Row:
        """Nothing has happened yet."""
        return Row(self.library, self.server, scenario)

    def asked(self) -> int:
        """How many requests have come for tokens."""
        return self.proxy.requests[urlsplit(self.place.token_endpoint).path]

    @contextmanager
    def worker(self, folder: Path, work: Work) -> Iterator[Worker]:
        """A process at work, where the person has signed in first if that is part of it."""
        worker = Worker(self.place, folder, work)
        try:
            if work.signs_in:
                worker.until_ready()
                worker.go()
            yield worker
        finally:
            worker.leave()

    @contextmanager
    def crew(self, folder: Path, plan: Plan, calls: int) -> Iterator[list[Worker]]:
        """The person signs in at the first process, then all of them are at work."""
        work = Work(
            self.library,
            signs_in=not plan.brought,
            restores=plan.restores,
            callers=plan.callers,
            calls=calls,
            longest_pause=plan.longest_pause,
            wrong_by=plan.wrong_by,
        )
        if plan.brought:
            with self.worker(folder, Work(self.library, signs_in=True, calls=1)):
                pass
        with ExitStack() as stack:
            first = stack.enter_context(self.worker(folder, work))
            others = [
                stack.enter_context(self.worker(folder, replace(work, signs_in=False)))
                for _ in range(plan.processes - 1)
            ]
            self.proxy.faults = plan.faults
            yield [first, *others]
            self.proxy.faults = CALM
