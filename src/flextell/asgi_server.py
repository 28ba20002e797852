"""Run an ASGI app in uvicorn, and stop it within a second of a signal.

Ours differs from uvicorn's own in what a person notices: an error at start reaches the caller
as it is, a stop by signal is a success, and clients that keep a connection open, or never
finish what they began to send, do not delay the end. Requests that are being answered do.
What a client may cost while the server runs is bounded in `http_protocol.py`.
"""

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from flextell import log
from flextell.accepting import Accept, Terms, configured, opened, watch
from flextell.http_protocol import HttpProtocol
from flextell.life import Life
from flextell.lifespan import Lifespan

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# How long, when a stop begins, requests that are on their way are still answered.
FAREWELL_SECONDS = 0.15
# How long a client then has, twice, to finish sending its request or to leave.
LINGER_SECONDS = 0.1
TICKS_A_SECOND = 10  # of uvicorn's main loop
# A shortage lasts, and is told once in so many seconds.
SHORTAGE_LOG_SECONDS = 60

FAREWELL = (b"connection", b"close")


def run(
    app: ASGIApp,
    accept: Accept,
    terms: Terms,
    life: Life,
    when_ready: Callable[[], None],
    meanwhile: contextlib.AbstractAsyncContextManager[None],
) -> None:
    """Serve `app` to whom `accept` lets in until its `life` is over, as a signal wants it.

    `when_ready()` is called once, when requests are answered. `meanwhile` is entered before the
    app starts and left after it stopped. Raises what the app's lifespan or `when_ready` raised.
    """
    server = _Server(configured(app, terms), accept, terms, life, when_ready, meanwhile)
    with _leaving_on_signals(life):
        server.run()


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        accept: Accept,
        terms: Terms,
        life: Life,
        when_ready: Callable[[], None],
        meanwhile: contextlib.AbstractAsyncContextManager[None],
    ) -> None:
        super().__init__(config)
        self._accept = accept
        self._terms = terms
        self._life = life
        self._when_ready = when_ready
        self._meanwhile = meanwhile
        self._silent_until = 0.0

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        async with self._meanwhile:
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan = Lifespan(self.config.loaded_app)
        await self.lifespan.startup()
        try:
            accepting = await opened(
                self._accept, self.config, self.server_state, self.lifespan.state, self._terms
            )
            self.servers = [cast(asyncio.Server, accepting)]
            # What was made until now stays: a full collection would stop every request for 30 ms.
            gc.collect()
            gc.freeze()
            self._when_ready()
        except BaseException:
            await self.lifespan.shutdown()
            raise
        self.started = self._life.started = True

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            watch(self.server_state, now)
            if _out_of_descriptors():
                self._make_room(cast(set[HttpProtocol], self.server_state.connections), now)
        # As if a second had begun, with every tick: a `Date` that is old misleads a client's clock
        # (RFC 9110 §6.6.1).
        leaving = await super().on_tick(0)
        if self._life.draining:
            self._say_farewell()
        return leaving or self._life.is_over()

    def _say_farewell(self) -> None:
        """Let every answer from now on be the last one on its connection (RFC 9112 §9.6)."""
        if FAREWELL not in self.server_state.default_headers:
            self.server_state.default_headers = [*self.server_state.default_headers, FAREWELL]

    def _make_room(self, connections: set[HttpProtocol], now: float) -> None:
        """Close the half of the idle connections that have been idle longest, and tell it."""
        idle = [(until, c) for c in connections if (until := c.idle_until()) is not None]
        idle.sort(key=lambda pair: pair[0])
        closed = idle[: (len(idle) + 1) // 2]
        for _, connection in closed:
            connection.transport.close()
        if now >= self._silent_until:
            self._silent_until = now + SHORTAGE_LOG_SECONDS
            log.operational(
                "out_of_file_descriptors", connections=len(connections), closed_idle=len(closed)
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        # A client in the middle of a conversation has its next request on the wire already:
        # answer it and say goodbye, instead of closing on it.
        self._say_farewell()
        await asyncio.sleep(FAREWELL_SECONDS)
        impatience = asyncio.ensure_future(self._drop_idle_connections())
        try:
            await super().shutdown(sockets)
        finally:
            impatience.cancel()

    async def _drop_idle_connections(self) -> None:
        idle: set[Any] = set()
        while True:
            await asyncio.sleep(LINGER_SECONDS)
            still_idle = {c for c in self.server_state.connections if not _is_answering(c)}
            for connection in idle & still_idle:
                connection.transport.abort()
            idle = still_idle

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again when all is done: an orderly stop would look like
        # a death. `_leaving_on_signals` is in charge.
        yield


def _out_of_descriptors() -> bool:
    """Whether no new client can be let in; event loops refuse it without a word."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def _is_answering(connection: Any) -> bool:
    """Whether the whole request has come and its answer has not all been sent."""
    cycle = connection.cycle
    if cycle is None:
        return False
    if cycle.response_complete:
        return bool(connection.transport.get_write_buffer_size())
    return cycle.response_started or not cycle.more_body


@contextlib.contextmanager
def _leaving_on_signals(life: Life) -> Iterator[None]:
    """The first signal asks for an orderly end; the second is not for us to hear: it ends us."""
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def leave(_: int, __: FrameType | None) -> None:
        life.leave()
        restore()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    before |= {number: signal.signal(number, leave) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        restore()
