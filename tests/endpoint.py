"""A tenant's own server, to which webhooks go: it keeps what it got, and answers as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANGS = b""
"""The answer of a server that says nothing."""


def answer(status: int, *headers: str) -> bytes:
    """An answer without a body."""
    lines = (f"HTTP/1.1 {status} Said", *headers, "Content-Length: 0", "", "")
    return "\r\n".join(lines).encode()


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Endpoint:
    """It gives the answers in turn, and then 200 to everybody."""

    answers: list[bytes] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    scheme: str = "http"
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.scheme}://localhost:{self.port}/hook?for=clinic"

    async def got(self, number: int) -> list[Received]:
        """So many requests, as soon as they are here."""
        async with self._news, asyncio.timeout(10):
            await self._news.wait_for(lambda: len(self.received) >= number)
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self.connections += 1
        try:
            request = await _read(reader)
            said = self.answers.pop(0) if self.answers else answer(200)
            async with self._news:
                self.received.append(request)
                self._news.notify_all()
            writer.write(said)
            await writer.drain()
            # The other side hangs up, whether it got its answer or not.
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(first.split(" ")[1], headers, body)


@asynccontextmanager
async def endpoint(
    *answers: bytes, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Endpoint]:
    """A server on the loopback address, over TLS if it is given a context."""
    made = Endpoint(list(answers), scheme="https" if context else "http")
    server = await asyncio.start_server(made.serve, host, 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
