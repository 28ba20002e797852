"""Three nodes on one PostgreSQL behind HAProxy, and the ways to reach all of them or a certain one.

The nodes share the database and the file of the master key, and nothing else.
"""

import asyncio
import random
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.connection import Connection
from flextell.oauth.model import Client
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.store.opening import migrate, open_store
from flextell.store.port import Unit
from flextell.tls import local_certificate
from tests.postgres import SERVER_OPTIONS, PostgresServer, own_server
from tests.together.client import Caller
from tests.together.haproxy import DRAIN_SECONDS, Behind, configuration, running_haproxy
from tests.together.server import ALICE, SCOPE, App, RunningServer
from tests.together.wires import AtNode, InTurn, Renewed
from tests.world import NOON, PASSWORD_HASH, PHOTOS, SECRET

NODES = 3
MALLORY = "mallory@example.com"
PEOPLE = (ALICE, *(f"person-{number}@example.com" for number in range(2, 13)))
CLIENT: Client = replace(PHOTOS, may_introspect=True)
APP = App(CLIENT.client_id, SECRET, CLIENT.redirect_uris[0], SCOPE)

NODE_SETTINGS = {
    "drain_seconds": DRAIN_SECONDS,
    "trusted_proxies": "127.0.0.1",
    # A new key waits for the nodes only.
    "jwks_cache_seconds": 0,
    "sign_in_free_attempts": 4,
    "page_requests_per_window": 1_000_000_000,
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The nodes, what they share, and where clients go."""

    url: str
    ca_file: Path
    nodes: tuple[RunningServer, ...]
    postgres: PostgresServer
    keeper: ThreadPoolExecutor = field(repr=False)

    def trust(self) -> ssl.SSLContext:
        """TLS as a client speaks it that trusts the certificate of HAProxy."""
        return ssl.create_default_context(cafile=self.ca_file)

    async def keep(self, change: Callable[[PostgresServer], None]) -> None:
        """Stop or start PostgreSQL while clients go on.

        In the thread that started it: the server would take the end of another for ours.
        """
        await asyncio.get_running_loop().run_in_executor(self.keeper, change, self.postgres)

    def measured(self, metric: str) -> list[int]:
        """A counter of each node since its start, all labels taken together."""
        return [_measured(node, metric) for node in self.nodes]

    def bugs(self) -> list[str]:
        """What the nodes logged as a bug of theirs."""
        lines = [line for node in self.nodes for line in node.log_file.read_text().splitlines()]
        return [line for line in lines if '"kind":"bug"' in line.replace('": "', '":"')]

    def browser(self) -> httpx2.AsyncClient:
        """Somebody's browser, at the address that all know."""
        return httpx2.AsyncClient(base_url=self.url, verify=self.trust(), timeout=30)

    def wandering_browser(self, first: int = 0) -> httpx2.AsyncClient:
        """A browser each of whose requests meets the next node, beginning with this one."""
        ports = [node.port for node in (*self.nodes[first:], *self.nodes[:first])]
        return httpx2.AsyncClient(base_url=self.url, transport=InTurn(ports))

    @asynccontextmanager
    async def client(self, context: ssl.SSLContext) -> AsyncIterator[Caller]:
        """The app, through HAProxy, on a connection that is renewed when it breaks."""
        async with Renewed(lambda: Connection(self.url, context)) as wire:
            yield Caller(APP, wire)

    @asynccontextmanager
    async def callers(self, count: int = NODES) -> AsyncIterator[list[Caller]]:
        """The app on so many open connections: the first to the first node, and so on, around."""
        async with AsyncExitStack() as stack:
            found = []
            for _, node in zip(range(count), cycle(self.nodes), strict=False):
                connection = Connection(f"http://127.0.0.1:{node.port}", None)
                found.append(Caller(APP, AtNode(await stack.enter_async_context(connection))))
            yield found


def _measured(node: RunningServer, metric: str) -> int:
    with urllib.request.urlopen(f"{node.ready['management']}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return int(sum(s.value for family in families for s in family.samples if s.name == metric))


@contextmanager
def running_cluster(folder: Path, options: Mapping[str, str] = SERVER_OPTIONS) -> Iterator[Cluster]:
    """PostgreSQL with these options, three nodes started at once, HAProxy; until the end.

    Without `fsync` it may crash all the same: what was handed to the system is kept.
    """
    with ExitStack() as stack:
        keeper = stack.enter_context(ThreadPoolExecutor(1))
        postgres = keeper.submit(stack.enter_context, own_server(options)).result()
        _prepare(Settings(data_dir=folder / "operator", database=postgres.url))
        url = f"https://localhost:{quiet_port()}"
        nodes = tuple(_node(folder, f"node{n}", url, postgres.url) for n in range(1, NODES + 1))
        for node in nodes:
            stack.callback(node.kill)
        with ThreadPoolExecutor(NODES) as starting:
            list(starting.map(RunningServer.start, nodes))
        certificate = local_certificate(folder, SYSTEM.now())
        pem = folder / "haproxy.pem"
        pem.write_bytes(
            certificate.certificate_file.read_bytes() + certificate.key_file.read_bytes()
        )
        behind = [Behind(node.port, _management_port(node)) for node in nodes]
        port = int(url.rpartition(":")[2])
        stack.enter_context(running_haproxy(folder, port, configuration(port, pem, behind)))
        yield Cluster(url, certificate.ca_file, nodes, postgres, keeper)


def _management_port(node: RunningServer) -> int:
    return int(node.ready["management"].rpartition(":")[2])


def _node(folder: Path, name: str, issuer: str, database: str) -> RunningServer:
    return RunningServer(
        folder / name,
        issuer=issuer,
        port=quiet_port(),
        database=database,
        management_port=quiet_port(),
        key_file=folder / "master.key",
        **NODE_SETTINGS,
    )


def _prepare(settings: Settings) -> None:
    """The schema, twelve people, Mallory, and the app."""

    def seed(unit: Unit) -> None:
        unit.clients.add(CLIENT)
        for number, email in enumerate((*PEOPLE, MALLORY)):
            unit.people.add(
                subject=f"sub-{number}", email=email, name=email.partition("@")[0],
                password_hash=PASSWORD_HASH, now=NOON,
            )  # fmt: skip

    migrate(settings)
    store = open_store(settings)
    try:
        store.at_once(seed)
    finally:
        store.close()


def quiet_port() -> int:
    """A port to listen on that stays ours while nobody listens.

    Those of the range that the system gives to whoever connects could be taken meanwhile.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, lowest)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
