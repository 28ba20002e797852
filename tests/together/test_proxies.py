"""Two nodes behind each proxy of deploy/: flows pass, a node that drains is not missed."""

import asyncio
import ssl
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from benchmarks.connection import Connection
from flextell.exits import ExitCode
from flextell.sources import SYSTEM
from flextell.tls import LocalCertificate, local_certificate
from tests.figures import Note
from tests.postgres import free_port, fresh_database
from tests.together.client import Caller, OverTls, Tokens, connected, seconds_until, tokens
from tests.together.proxies import PROXIES, Around, running
from tests.together.server import App, RunningServer

pytestmark = pytest.mark.anyio

# What the head of haproxy.cfg says to set.
DRAIN_SECONDS = 3
CHAINS = 2
REQUESTS_A_CONNECTION = 20


@dataclass(frozen=True, slots=True)
class Nodes:
    """Two nodes on one database, the port of whatever stands before them, and Photos."""

    running: tuple[RunningServer, RunningServer]
    port: int
    certificate: LocalCertificate
    app: App

    @property
    def url(self) -> str:
        """What clients see."""
        return f"https://localhost:{self.port}"


@pytest.fixture(scope="module")
def nodes(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Nodes that speak plain HTTP to a proxy on this machine, and know Alice."""
    folder = tmp_path_factory.mktemp("nodes")
    port = free_port()
    with ExitStack() as stack:
        database = stack.enter_context(fresh_database(postgres_url))
        both = [_node(folder, name, port, database) for name in ("node1", "node2")]
        both[0].command("migrate")
        both[0].create_person()
        for node in both:
            stack.callback(node.kill)
            node.start()
        yield Nodes(
            (both[0], both[1]), port, local_certificate(folder, SYSTEM.now()), both[0].create_app()
        )


def _node(folder: Path, name: str, port: int, database: str) -> RunningServer:
    return RunningServer(
        folder / name,
        port=free_port(),
        issuer=f"https://localhost:{port}",
        database=database,
        key_file=folder / "master.key",
        trusted_proxies="127.0.0.1",
        management_port=free_port(),
        drain_seconds=DRAIN_SECONDS,
    )


@pytest.fixture(params=PROXIES)
def log(request: pytest.FixtureRequest, nodes: Nodes, tmp_path: Path) -> Iterator[Path]:
    """The log of a proxy that runs before the nodes."""
    around = Around(
        tmp_path,
        nodes.port,
        nodes.certificate,
        tuple(node.port for node in nodes.running),
        tuple(urlsplit(node.ready["management"]).port or 0 for node in nodes.running),
    )
    with running(PROXIES[request.param], around) as log:
        yield log


def asked(node: RunningServer) -> int:
    """How many requests a node has answered."""
    with urllib.request.urlopen(node.ready["management"] + "/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(float(x.split()[-1])) for x in lines if x.startswith("flextell_requests_total"))


@asynccontextmanager
async def through(nodes: Nodes) -> AsyncIterator[Caller]:
    """Photos on a connection to the proxy."""
    async with Connection(nodes.url, trust(nodes)) as connection:
        yield Caller(nodes.app, OverTls(connection))


def trust(nodes: Nodes) -> ssl.SSLContext:
    """TLS that trusts the proxy's certificate."""
    return ssl.create_default_context(cafile=nodes.certificate.ca_file)


async def refresh_without_pause(nodes: Nodes, first: Tokens, stop: asyncio.Event) -> list[int]:
    """A chain of refreshes and calls, now on this connection, now on another; every status."""
    found, newest = [200], first
    while not stop.is_set() and set(found) == {200}:
        async with through(nodes) as caller:
            for _ in range(REQUESTS_A_CONNECTION):
                reply = await caller.refresh(newest.refresh)
                found.append(reply.status)
                if reply.status != 200:
                    break
                newest = tokens(reply)
                found.append((await caller.call_api(newest.access)).status)
    return found


async def test_a_node_behind_a_proxy_drains_and_nobody_notices(
    nodes: Nodes, log: Path, note: Note
) -> None:
    """Flows and refreshes go on at the other node, and it comes back; no request fails."""
    first, second = nodes.running
    async with (
        httpx2.AsyncClient(base_url=nodes.url, verify=trust(nodes)) as browser,
        through(nodes) as caller,
    ):
        mine = [await connected(browser, caller) for _ in range(CHAINS)]
        stop = asyncio.Event()
        before = [asked(node) for node in nodes.running]
        chains = [asyncio.create_task(refresh_without_pause(nodes, each, stop)) for each in mine]
        await seconds_until(lambda: all_asked(nodes, before), limit=10)
        async with stopped(first) as (code, seconds):
            at_the_other = asked(second)
            assert code == ExitCode.OK
            assert seconds >= DRAIN_SECONDS
            assert (await connected(browser, caller)).access, "a whole flow with one node"
            await seconds_until(lambda: is_asked(second, at_the_other), limit=10)
        with suppress(AssertionError):  # what the chains saw says more
            await seconds_until(lambda: is_asked(first, 0), limit=15)
        came_back = await is_asked(first, 0)
        stop.set()
        statuses = Counter(status for each in await asyncio.gather(*chains) for status in each)

    assert set(statuses) == {200}
    assert came_back
    logged = log.with_name("access.log").read_text()
    assert "GET /oauth/authorize 30" in logged
    assert "client_id" not in logged, "queries are not logged"
    note(f"{log.parent.name}: {statuses.total()} requests while a node drained and came back")


@asynccontextmanager
async def stopped(node: RunningServer) -> AsyncIterator[tuple[int, float]]:
    """A node that was told to stop, and how it did; it runs again for the tests that follow."""
    try:
        yield await asyncio.to_thread(node.stop)
    finally:
        await asyncio.to_thread(node.start)


async def all_asked(nodes: Nodes, before: list[int]) -> bool:
    """Whether both nodes have been asked since."""
    return all(asked(node) > n + CHAINS for node, n in zip(nodes.running, before, strict=True))


async def is_asked(node: RunningServer, before: int) -> bool:
    """Whether this node has been asked since, by more than a few."""
    return asked(node) > before + CHAINS


async def is_logged(log: Path, line: str) -> bool:
    """Whether the proxy has told of it: it does so after the answer."""
    return line in log.with_name("access.log").read_text()


# RFC 9112 §6.3, §5: what a proxy and a node could take for one request or for two.
AMBIGUOUS = {
    "two lengths": b"content-length: 4\r\ncontent-length: 40\r\n\r\na=bc",
    "length and chunks": b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": b"content-length : 4\r\n\r\na=bc",
}


async def test_no_request_that_can_be_read_in_two_ways_is_answered_twice(
    nodes: Nodes, log: Path
) -> None:
    """Each is refused, or taken for one request and no more."""
    for name, rest in AMBIGUOUS.items():
        reader, writer = await asyncio.open_connection("localhost", nodes.port, ssl=trust(nodes))
        head = f"POST /oauth/token HTTP/1.1\r\nhost: localhost:{nodes.port}\r\n".encode()
        smuggled = f"GET /smuggled HTTP/1.1\r\nhost: localhost:{nodes.port}\r\n\r\n".encode()
        writer.write(head + b"connection: close\r\n" + rest + smuggled)
        answered = await reader.read()
        writer.close()
        await writer.wait_closed()

        assert answered.count(b"HTTP/1.1 ") == 1, name
        assert b"HTTP/1.1 4" in answered[:12], name
    assert "/smuggled" not in log.with_name("access.log").read_text()


async def test_what_a_client_says_of_its_transport_does_not_reach_a_node(
    nodes: Nodes, log: Path
) -> None:
    """A form too large is refused at the door and an upload is not; no log opens a file; an
    invented scheme changes nothing.
    """
    async with httpx2.AsyncClient(base_url=nodes.url, verify=trust(nodes)) as browser:
        invented = {"x-forwarded-proto": "http", "x-forwarded-for": "203.0.113.9, 127.0.0.1"}
        answer = await browser.get("/.well-known/oauth-authorization-server", headers=invented)
        large = await browser.post("/oauth/token", content=b"a=" + b"b" * 70_000)
        upload = await browser.post("/api/v1/files", content=b"x" * 2**20)
        file = await browser.get("/files/key-of-a-file")

    assert answer.status_code == 200
    assert answer.json()["issuer"] == nodes.url
    assert file.status_code == 404
    await seconds_until(lambda: is_logged(log, "GET /files/- 404"), limit=5)
    assert "key-of-a-file" not in log.with_name("access.log").read_text()
    assert [large.status_code, upload.status_code] == [413, 401]
