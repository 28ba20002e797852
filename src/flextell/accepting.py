"""Let clients in to an ASGI app: uvicorn's connections, on our terms."""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from flextell.http_protocol import Bounds, HttpProtocol
from flextell.listening import BACKLOG

# Longer than the 60 seconds for which common proxies reuse a connection: the proxy, not we, ends
# it, and no request meets a closing one. A new TLS connection costs more than an idle one.
KEEP_ALIVE_SECONDS = 75
TLS_HANDSHAKE_SECONDS = 10
# How long a closed connection waits for the client's own goodbye (close_notify).
TLS_GOODBYE_SECONDS = 0.25
# How long a server that ends waits for those who are just coming in.
GREETING_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Terms:
    """TLS when there is a `context`; how long a stop waits for answers; what a client may cost."""

    context: ssl.SSLContext | None
    answer_seconds: int
    bounds: Bounds


ProtocolMaker = Callable[[], asyncio.Protocol]


class Accepting(Protocol):
    """What lets clients in, as an `asyncio.Server` does."""

    def close(self) -> None:
        """Let nobody in any more."""

    async def wait_closed(self) -> None:
        """Wait until that is done."""


# Begins to let clients in: each gets a protocol of its own, and TLS if there are options for it.
Accept = Callable[[ProtocolMaker, dict[str, Any]], Awaitable[Accepting]]


def accept_from(listener: socket.socket) -> Accept:
    """Let in whoever connects to a bound socket."""

    async def accept(protocol: ProtocolMaker, tls: dict[str, Any]) -> Accepting:
        loop = asyncio.get_running_loop()
        # A copy: who waits in the queue when it is closed has not been sent away yet.
        server = await loop.create_server(protocol, sock=listener.dup(), backlog=BACKLOG, **tls)
        return _Entrance(server, listener, Greetings(protocol, tls))

    return accept


class Greetings:
    """Those who were accepted and are just coming in."""

    def __init__(self, protocol: ProtocolMaker, tls: dict[str, Any]) -> None:
        self._protocol = protocol
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    def greet(self, connection: socket.socket) -> None:
        """Let one in."""
        task = asyncio.get_running_loop().create_task(self._greet(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _greet(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        # Whoever leaves during the handshake, or speaks no TLS, is nobody's concern.
        with contextlib.suppress(OSError):
            await loop.connect_accepted_socket(self._protocol, connection, **self._tls)

    async def wait(self) -> None:
        """Wait until all are in, or gone; whoever is silent in the handshake is sent away."""
        if self._tasks:
            _, silent = await asyncio.wait(self._tasks, timeout=GREETING_SECONDS)
            for task in silent:
                task.cancel()


def waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Those who wait in the queue of a listening socket, who would be reset if it were closed."""
    listener.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            yield listener.accept()[0]


class _Entrance:
    """A server that lets in at its end whom the system has let in already."""

    def __init__(
        self, server: asyncio.Server, listener: socket.socket, greetings: Greetings
    ) -> None:
        self._server = server
        self._listener = listener
        self._greetings = greetings

    def close(self) -> None:
        """Let nobody in any more, but for those who wait; twice is once."""
        if self._listener.fileno() < 0:
            return
        self._server.close()
        for connection in waiting(self._listener):
            self._greetings.greet(connection)
        self._listener.close()

    async def wait_closed(self) -> None:
        """Wait until that is done."""
        await self._server.wait_closed()
        await self._greetings.wait()


def configured(app: ASGIApp, terms: Terms) -> uvicorn.Config:
    """What uvicorn is told."""
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
        timeout_graceful_shutdown=terms.answer_seconds,
        workers=1,
    )
    config.load()
    return config


async def opened(
    accept: Accept,
    config: uvicorn.Config,
    state: ServerState,
    app_state: dict[str, Any],
    terms: Terms,
) -> Accepting:
    """Begin to let clients in; `state` will know their connections."""
    protocol: ProtocolMaker = functools.partial(
        cast(Any, config.http_protocol_class),
        config=config,
        server_state=state,
        app_state=app_state,
        bounds=terms.bounds,
    )
    tls: dict[str, Any] = {}
    if terms.context is not None:
        tls = {
            "ssl": terms.context,
            "ssl_handshake_timeout": TLS_HANDSHAKE_SECONDS,
            "ssl_shutdown_timeout": TLS_GOODBYE_SECONDS,
        }
    return await accept(protocol, tls)


@contextlib.asynccontextmanager
async def beside(app: ASGIApp, listener: socket.socket, terms: Terms) -> AsyncIterator[None]:
    """Serve a small app, which has no lifespan, in the running loop while the body runs."""
    config, state = configured(app, terms), ServerState()
    server = await opened(accept_from(listener), config, state, {}, terms)
    watching = asyncio.ensure_future(_watch_each_second(state))
    try:
        yield
    finally:
        watching.cancel()
        server.close()
        for connection in tuple(state.connections):
            cast(Any, connection).transport.close()


async def _watch_each_second(state: ServerState) -> None:
    while True:
        await asyncio.sleep(1)
        watch(state, asyncio.get_running_loop().time())


def watch(state: ServerState, now: float) -> None:
    """End the connections whose clients have had their time; to be called once a second."""
    for connection in tuple(state.connections):
        cast(HttpProtocol, connection).watch(now)
