"""One of several workers: it serves whom its parent hands on, and ends when its parent does."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from flextell import asgi_server
from flextell.accepting import Accept, Accepting, Greetings, ProtocolMaker
from flextell.exits import ExitError
from flextell.life import Life
from flextell.management import OneProcess, Service, Subject
from flextell.serving import choose_transport, terms_of
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.workers import channel
from flextell.workers.door import Entrance

# How much longer than its parent a worker drains: the last clients that it lets in need one.
LAST_GUESTS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told: complete settings, and through which door clients come."""

    settings: Settings
    door: int


class Parent:
    """The parent at the other end of the socket pair that this process was started with."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def orders(self) -> Orders:
        """What it told this worker to do. Raises EOFError if it is gone."""
        said = b""
        while not said.endswith(b"\n"):
            some = self._socket.recv(65536)
            if not some:
                raise EOFError("The parent ended before it told its worker what to do.")
            said += some
        told = orjson.loads(said)
        return Orders(Settings(**told["settings"]), told["door"])

    def hear_ready(self) -> None:
        """Tell it that requests are answered."""
        self._tell({"ready": True})

    def hear_problem(self, error: ExitError) -> None:
        """Tell it why this worker cannot go on: it alone says so to the operator."""
        self._tell({"failed": error.sentence, "code": error.code})

    def _tell(self, message: object) -> None:
        with contextlib.suppress(OSError):  # it is gone: then nobody needs to know
            self._socket.sendall(channel.line(message))

    @contextlib.asynccontextmanager
    async def heeded(self, subject: Subject, life: Life) -> AsyncIterator[None]:
        """Answer its questions, and end with it, while the body runs."""
        reader, writer = await asyncio.open_connection(sock=self._socket.dup())
        heeding = asyncio.ensure_future(_heed(reader, writer, subject, life))
        try:
            yield
        finally:
            heeding.cancel()
            writer.close()


async def _heed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subject: Subject, life: Life
) -> None:
    with contextlib.suppress(OSError):
        while said := await reader.readline():
            asked = orjson.loads(said)
            if asked == "leave":
                life.leave()
            else:
                writer.write(await channel.answer(asked, subject))
    # Nobody is left who could be asked whether this node is ready: there is nothing to wait for.
    life.end()


def work(orders: Orders, parent: Parent, build: Callable[[Settings], Service]) -> None:
    """Serve what `build` makes until the parent says, or a signal, or the parent is gone."""
    settings = orders.settings
    transport = choose_transport(settings, SYSTEM.now())
    service, life = build(settings), Life(settings.drain_seconds + LAST_GUESTS_SECONDS)
    asgi_server.run(
        service.app,
        clients_through(orders.door),
        terms_of(settings, transport.context),
        life,
        parent.hear_ready,
        parent.heeded(OneProcess(service, life), life),
    )


def clients_through(door: int) -> Accept:
    """Let in whom the parent hands on."""

    async def accept(protocol: ProtocolMaker, tls: dict[str, Any]) -> Accepting:
        return Entrance(socket.socket(fileno=door), Greetings(protocol, tls))

    return accept
