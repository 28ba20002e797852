"""What the proxies of deploy/ send to another node when one took a request and says nothing."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from flextell.sources import SYSTEM
from flextell.tls import local_certificate
from tests.postgres import free_port
from tests.together.proxies import PROXIES, Around, running

pytestmark = pytest.mark.anyio

REFRESH = "grant_type=refresh_token&refresh_token=r"
CODE = "grant_type=authorization_code&code=c"

# How often a request arrives whose first answer is lost, at each proxy.
ARRIVALS = {
    "haproxy": {
        ("GET", "/api", ""): 2,
        ("POST", "/oauth/token", REFRESH): 2,
        ("POST", "/oauth/token", CODE): 1,
        ("POST", "/oauth/revoke", "token=r"): 1,
        ("POST", "/sign-in", REFRESH): 1,  # words in a form do not make it a refresh
    },
    "nginx": {
        ("GET", "/api", ""): 2,
        ("POST", "/oauth/token", REFRESH): 1,
        ("POST", "/oauth/token", CODE): 1,
        ("POST", "/sign-in", REFRESH): 1,
    },
}
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@dataclass(slots=True)
class Forgetful:
    """Nodes that lose the answer to each request once; health checks are answered."""

    arrived: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on a connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        _, _, length = head.partition("content-length: ")
        body = await reader.readexactly(int(length.split("\r\n")[0])) if length else b""
        method, path, _ = head.split("\r\n")[0].split(" ")
        request = (method.upper(), path, body.decode())
        self.arrived[request] += 1
        if self.arrived[request] > 1 or path.startswith("/health/"):
            writer.write(OK)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def two_nodes(forgetful: Forgetful) -> AsyncIterator[tuple[int, int]]:
    """Their ports, for requests and for health checks."""
    ports = (free_port(), free_port())
    servers = [await asyncio.start_server(forgetful.answer, "127.0.0.1", port) for port in ports]
    try:
        yield ports
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()


@contextmanager
def proxy_before(name: str, folder: Path, ports: tuple[int, int]) -> Iterator[httpx2.AsyncClient]:
    """A client of the proxy before these nodes."""
    certificate = local_certificate(folder, SYSTEM.now())
    around = Around(folder, free_port(), certificate, ports, ports)
    trust = ssl.create_default_context(cafile=certificate.ca_file)
    with running(PROXIES[name], around):
        # HAProxy tells a loss on a connection that was used before by closing it.
        none_kept = httpx2.Limits(max_keepalive_connections=0)
        yield httpx2.AsyncClient(
            base_url=f"https://localhost:{around.port}", verify=trust, limits=none_kept
        )


@pytest.mark.parametrize("name", PROXIES)
async def test_only_what_may_come_twice_is_sent_twice(name: str, tmp_path: Path) -> None:
    """Reads and, by HAProxy, refreshes. A code that comes twice ends its grant."""
    forgetful = Forgetful()
    statuses = {}
    async with two_nodes(forgetful) as ports:
        with proxy_before(name, tmp_path, ports) as client:
            async with client:
                for method, path, form in ARRIVALS[name]:
                    kind = {"content-type": "application/x-www-form-urlencoded"}
                    answer = await client.request(method, path, content=form, headers=kind)
                    statuses[method, path, form] = answer.status_code

    came = {request: forgetful.arrived[request] for request in ARRIVALS[name]}
    assert came == ARRIVALS[name]
    assert statuses == {r: 200 if n == 2 else 502 for r, n in came.items()}
