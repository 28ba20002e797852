"""Who was let in by the system before a server stopped listening is let in by the server."""

import asyncio
import errno
import socket
import ssl
from pathlib import Path
from typing import cast

import pytest

from flextell.accepting import accept_from
from flextell.listening import Address, bound
from flextell.sources import SYSTEM
from flextell.tls import local_certificate

pytestmark = pytest.mark.anyio


class Greeter(asyncio.Protocol):
    """Says hello to whoever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say it, and goodbye."""
        transport = cast(asyncio.Transport, transport)
        transport.write(b"hello")
        transport.close()


async def test_clients_that_wait_in_the_queue_as_it_closes_are_let_in() -> None:
    with bound(Address("127.0.0.1", 0)) as listener:
        where = listener.getsockname()
        accepting = await accept_from(listener)(Greeter, {})
        # The loop has no turn between their coming and the end.
        clients = [socket.create_connection(where, timeout=5) for _ in range(3)]
        accepting.close()
        accepting.close()

        with socket.socket() as late:
            assert late.connect_ex(where) == errno.ECONNREFUSED
        await accepting.wait_closed()
        for client in clients:
            with client:
                client.setblocking(False)
                assert await asyncio.get_running_loop().sock_recv(client, 10) == b"hello"


async def test_whoever_is_silent_in_the_queue_does_not_delay_the_end(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = local_certificate(tmp_path, SYSTEM.now())
    context.load_cert_chain(files.certificate_file, files.key_file)
    with bound(Address("127.0.0.1", 0)) as listener:
        accepting = await accept_from(listener)(Greeter, {"ssl": context})
        with socket.create_connection(listener.getsockname(), timeout=5):
            accepting.close()

            await asyncio.wait_for(accepting.wait_closed(), timeout=1)
