"""Run an ASGI app in uvicorn, and stop it within a second of a signal.

Ours differs from uvicorn's own in what a person notices: an error at start reaches the caller
as it is, a stop by signal is a success, and clients that keep a connection open, or never
finish what they began to send, do not delay the end. Requests that are being answered do.
What a client may cost while the server runs is bounded in `http_protocol.py`.
"""

import asyncio
import contextlib
import errno
import functools
import gc
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Message

from flextell import log
from flextell.http_protocol import Bounds, HttpProtocol

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
BACKLOG = 2048
# Longer than the 60 seconds for which common proxies reuse a connection: the proxy, not we, ends
# it, and no request meets a closing one. A new TLS connection costs more than an idle one.
KEEP_ALIVE_SECONDS = 75
TLS_HANDSHAKE_SECONDS = 10
# How long a closed connection waits for the client's own goodbye (close_notify).
TLS_GOODBYE_SECONDS = 0.25
# How long, when a stop begins, requests that are on their way are still answered.
FAREWELL_SECONDS = 0.15
# How long a client then has, twice, to finish sending its request or to leave.
LINGER_SECONDS = 0.1
APP_STOP_SECONDS = 5
TICKS_A_SECOND = 10  # of uvicorn's main loop
# A shortage lasts, and is told once in so many seconds.
SHORTAGE_LOG_SECONDS = 60

FAREWELL = (b"connection", b"close")


def run(
    app: ASGIApp,
    listener: socket.socket,
    context: ssl.SSLContext | None,
    answer_seconds: int,
    when_ready: Callable[[], None],
    bounds: Bounds,
) -> None:
    """Serve `app` on a bound socket until SIGINT or SIGTERM; TLS when there is a `context`.

    A stop waits at most `answer_seconds` for requests in flight. `when_ready()` is called once,
    when requests are answered. `bounds` is what a client may send and how slowly. Raises what the
    app's lifespan or `when_ready` raised.
    """
    config = uvicorn.Config(
        app,
        loop="auto",  # uvloop where there is one
        http=HttpProtocol,
        ws="none",
        interface="asgi3",
        log_config=None,
        log_level="error",  # below are complaints about garbage sent, which anyone can send
        access_log=False,
        proxy_headers=False,  # transport.py alone decides whom to believe
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=answer_seconds,
        workers=1,
    )
    config.load()
    server = _Server(config, context, when_ready, bounds)
    with _stopping_on_signals(server):
        server.run(sockets=[listener])


class _Lifespan:
    """Start and stop the app (ASGI lifespan protocol); its errors are raised, not logged."""

    should_exit = False

    def __init__(self, app: ASGIApp) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._started = asyncio.Event()
        self._reason = "The app's lifespan ended before it had started."

    async def startup(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._events.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.ensure_future(self._app(scope, self._events.get, self._send))
        started = asyncio.ensure_future(self._started.wait())
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if not self._started.is_set():
            self._task.result()
            raise RuntimeError(self._reason)

    async def shutdown(self) -> None:
        self._events.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait_for(self._task, APP_STOP_SECONDS)

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._started.set()
        elif message["type"] == "lifespan.startup.failed":
            self._reason = message.get("message") or self._reason


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        context: ssl.SSLContext | None,
        when_ready: Callable[[], None],
        bounds: Bounds,
    ) -> None:
        super().__init__(config)
        self._context = context
        self._when_ready = when_ready
        self._bounds = bounds
        self._silent_until = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan = _Lifespan(self.config.loaded_app)
        await self.lifespan.startup()
        try:
            self.servers = [await self._listen(listener) for listener in sockets or ()]
            # What was made until now stays: a full collection would stop every request for 30 ms.
            gc.collect()
            gc.freeze()
            self._when_ready()
        except BaseException:
            await self.lifespan.shutdown()
            raise
        self.started = True

    async def _listen(self, listener: socket.socket) -> asyncio.Server:
        protocol: Callable[..., asyncio.Protocol] = functools.partial(
            cast(Any, self.config.http_protocol_class),
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            bounds=self._bounds,
        )
        tls: dict[str, Any] = {}
        if self._context is not None:
            tls = {
                "ssl": self._context,
                "ssl_handshake_timeout": TLS_HANDSHAKE_SECONDS,
                "ssl_shutdown_timeout": TLS_GOODBYE_SECONDS,
            }
        loop = asyncio.get_running_loop()
        return await loop.create_server(protocol, sock=listener, backlog=BACKLOG, **tls)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            connections = cast(set[HttpProtocol], self.server_state.connections)
            for connection in tuple(connections):
                connection.watch(now)
            if _out_of_descriptors():
                self._make_room(connections, now)
        return await super().on_tick(counter)

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
        self.server_state.default_headers = [*self.server_state.default_headers, FAREWELL]
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
        # a death. `_stopping_on_signals` is in charge.
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
def _stopping_on_signals(server: uvicorn.Server) -> Iterator[None]:
    def stop(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
