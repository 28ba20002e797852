"""The parent of several workers: it starts them, hands clients on to them, and ends them."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic

from prometheus_client import ProcessCollector
from prometheus_client.core import Metric as Family

from flextell import log, metrics
from flextell.accepting import waiting
from flextell.asgi_server import STOP_SIGNALS
from flextell.exits import ExitCode, ExitError, data_dir_errors
from flextell.lifespan import APP_STOP_SECONDS
from flextell.management import Health
from flextell.metrics import Metrics
from flextell.serving import Place, prepared, terms_of
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.tls import local_certificate
from flextell.workers import channel, child
from flextell.workers.child import Child
from flextell.workers.door import Takes, hand_out
from flextell.workers.patience import Patience

# How often a worker is asked how it is; so many times without an answer, and it hangs.
WATCH_SECONDS, SILENT_TIMES = 5.0, 5
# How much longer than they should need leaving workers have before they are killed.
LENIENCE_SECONDS = 2.0

NEVER_READY = "A worker ended before it was ready; see the log for the reason."


def supervise(settings: Settings, command: Sequence[str]) -> None:
    """Run `settings.workers` workers until SIGINT or SIGTERM; blocks, and returns after a stop.

    `command` starts a worker; it gets the number of its end of the socket pair. Prints one line
    and writes `ready.json` once all workers are ready. Raises ExitError.
    """
    with prepared(settings) as place, place.announced() as announce:
        asyncio.run(Supervisor(place, command, announce).run())


def settings_of(settings: Settings, slot: int) -> Settings:
    """Those of one worker, which is a node by itself.

    What may be hashed at once is the machine's, and is shared out. None goes without: a sign-in
    may come to any of them.
    """
    workers = settings.workers
    hashing = max((settings.password_hash_workers + workers - 1 - slot) // workers, 1)
    own = {"workers": 1, "management_port": None, "password_hash_workers": hashing}
    return settings.model_copy(update=own)


class Supervisor:
    """Keeps the workers running. To the management port it is the node that they are together."""

    def __init__(self, place: Place, command: Sequence[str], announce: Callable[[], None]) -> None:
        self._place = place
        self._settings = place.settings
        self._command = command
        self._announce = announce
        self._children: dict[int, Child] = {}
        self._started = False
        self._leaving = asyncio.Event()
        self._process = ProcessCollector(registry=None)
        self._numbers = Metrics()
        self._numbers.count(metrics.WORKER_RESTARTS, by=0)
        self._numbers.gauge(metrics.WORKERS, lambda: len(self._ready()))

    async def run(self) -> None:
        """Until a signal says so. Raises ExitError if the workers cannot be kept running."""
        with _heard(self._leave, self._kill):
            async with self._place.managed(self):
                slots = range(self._settings.workers)
                keepers = [asyncio.create_task(self._keep(slot)) for slot in slots]
                accepting = asyncio.create_task(hand_out(self._place.listener, self._takers))
                try:
                    await self._until_leaving(keepers)
                    await asyncio.wait(keepers, timeout=self._settings.drain_seconds)
                except BaseException:
                    # No orderly end, so no draining either.
                    self._kill()
                    raise
                finally:
                    await self._stop_accepting(accepting)
                    await self._end(keepers)

    async def _until_leaving(self, keepers: list[asyncio.Task[None]]) -> None:
        leaving = asyncio.create_task(self._leaving.wait())
        await asyncio.wait([leaving, *keepers], return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        for keeper in keepers:
            if keeper.done():
                keeper.result()

    async def _keep(self, slot: int) -> None:
        """Run one worker, and another in its place, until all leave."""
        patience = Patience()
        while True:
            began = monotonic()
            one = self._children[slot] = await self._start(slot)
            watching = asyncio.create_task(self._watch(slot, one))
            try:
                await one.lives(self._note_ready)
            finally:
                watching.cancel()
            if self._leaving.is_set():
                return
            if not self._started:
                raise one.problem or ExitError(NEVER_READY, ExitCode.BUG)
            reason = one.problem.sentence if one.problem else ""
            log.operational("worker_ended", worker=slot, pid=one.pid, code=one.code, reason=reason)
            alone = not self._ready()
            pause = patience.pause_seconds(monotonic() - began, one.problem, alone)
            if await self._leaves_within(pause):
                return
            self._numbers.count(metrics.WORKER_RESTARTS)

    async def _watch(self, slot: int, one: Child) -> None:
        """End a worker that hangs: clients would be handed on to it for ever."""
        silent = 0
        while silent < SILENT_TIMES:
            await asyncio.sleep(WATCH_SECONDS)
            silent = silent + 1 if one.ready and await one.ask("health") is None else 0
        log.operational("worker_silent", worker=slot, pid=one.pid)
        one.kill()

    async def _start(self, slot: int) -> Child:
        settings = settings_of(self._settings, slot)
        if self._place.transport.ca_file is not None:
            # Renewed here if it must be: two workers would do it at once.
            with data_dir_errors(settings.data_dir):
                local = local_certificate(settings.data_dir.absolute(), SYSTEM.now())
            files = {
                "tls_certificate_file": local.certificate_file,
                "tls_key_file": local.key_file,
            }
            settings = settings.model_copy(update=files)
        return await child.start(self._command, settings)

    def _note_ready(self) -> None:
        if not self._started and len(self._ready()) == self._settings.workers:
            self._started = True
            self._announce()

    def _ready(self) -> dict[int, Child]:
        return {slot: one for slot, one in sorted(self._children.items()) if one.ready}

    def _takers(self) -> list[Takes]:
        return [one.takes for one in self._ready().values()]

    async def _leaves_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), seconds)
        return self._leaving.is_set()

    def _leave(self) -> None:
        self._leaving.set()
        for one in self._children.values():
            one.leave()

    def _kill(self) -> None:
        for one in self._children.values():
            one.kill()

    async def _stop_accepting(self, accepting: asyncio.Task[None]) -> None:
        accepting.cancel()
        await asyncio.wait([accepting])
        for connection in waiting(self._place.listener):
            with connection:
                any(takes(connection) for takes in self._takers())
        self._place.listener.close()

    async def _end(self, keepers: list[asyncio.Task[None]]) -> None:
        """See every worker leave; kill those that do not."""
        self._leave()
        answering = terms_of(self._settings, None).answer_seconds
        leaving = self._settings.drain_seconds + answering + APP_STOP_SECONDS
        _, late = await asyncio.wait(keepers, timeout=leaving + LENIENCE_SECONDS)
        if late:
            log.operational("workers_killed", workers=len(late))
            self._kill()
        await asyncio.gather(*keepers, return_exceptions=True)

    async def health(self) -> Health:
        """Ready if one worker is: the others' clients go to it. Alive unless all are stuck."""
        ready = self._ready()
        told = await asyncio.gather(*(one.ask("health") for one in ready.values()))
        workers = {str(slot): ("started",) for slot in range(self._settings.workers)}
        for slot, answer in zip(ready, told, strict=True):
            workers[str(slot)] = tuple(answer["failed"]) if answer else ("silent",)
        failed = ["started"] * (not self._started) + ["accepting"] * self._leaving.is_set()
        if all(workers.values()):
            failed += [name for names in workers.values() for name in names]
        stuck = bool(told) and not any(told)
        return Health(not stuck, self._started, tuple(dict.fromkeys(failed)), workers)

    async def families(self) -> Iterable[Family]:
        """Its own metrics, and those of each worker under a label with its number."""
        ready = self._ready()
        told = await asyncio.gather(*(one.ask("metrics") for one in ready.values()))
        merged = {f.name: f for f in (*self._numbers.collect(), *self._process.collect())}
        for slot, answer in zip(ready, told, strict=True):
            for family in channel.families_in(answer or (), worker=str(slot)):
                known = merged.setdefault(family.name, family)
                if known is not family:
                    known.samples += family.samples
        return merged.values()


@contextlib.contextmanager
def _heard(leave: Callable[[], None], kill: Callable[[], None]) -> Iterator[None]:
    """The first signal asks for an orderly end; the second ends us and the workers at once."""
    loop = asyncio.get_running_loop()
    heard: list[signal.Signals] = []

    def hear(number: signal.Signals) -> None:
        heard.append(number)
        if len(heard) == 1:
            leave()
            return
        kill()
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
