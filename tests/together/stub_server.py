"""A server of a few lines behind a fault proxy, and clients' ends of connections to the latter."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from flextell.tls import LocalCertificate, server_context
from tests.together.fault_proxy import FaultProxy
from tests.together.faults import CALM, Faults

END_OF_HEAD = b"\r\n\r\n"


@dataclass
class StubServer:
    """A server over TLS that `answer` speaks for, and the proxies before it.

    `answer` looks at what came since the last answer; None: that is not yet enough. With
    `hangs_up` it closes after each answer without having said so, then sets `hung_up`.
    """

    certificate: LocalCertificate
    answer: Callable[[bytes], bytes | None]
    hangs_up: bool = False
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    port: int = 0

    def proxy(self, faults: Faults = CALM, seed: int = 0) -> FaultProxy:
        """A proxy before this server."""
        return FaultProxy(self.port, self.certificate, faults, seed=seed)

    def trust(self) -> ssl.SSLContext:
        """TLS that trusts the server, and so the proxy."""
        return ssl.create_default_context(cafile=self.certificate.ca_file)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StubServer"]:
        """Listen while the context lasts."""
        tls = server_context(self.certificate.certificate_file, self.certificate.key_file)
        listener = await asyncio.start_server(self._attend, "127.0.0.1", ssl=tls, backlog=512)
        async with listener:
            self.port = listener.sockets[0].getsockname()[1]
            yield self

    @asynccontextmanager
    async def connected(
        self, proxy: FaultProxy
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A client's end of a connection to the proxy, without any HTTP."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", proxy.port, ssl=self.trust(), server_hostname="localhost"
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._converse(reader, writer)
            writer.close()
            await writer.wait_closed()
            self.hung_up.set()
        except OSError:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = b""
        while more := await reader.read(2**20):
            got += more
            if answer := self.answer(got):
                got = b""
                writer.write(answer)
                if self.hangs_up or b"connection: close" in answer:
                    return


def numbered(got: bytes) -> bytes | None:
    """Answer a GET with its path."""
    if not got.endswith(END_OF_HEAD):
        return None
    path = got.split(b" ")[1]
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(path), path)
