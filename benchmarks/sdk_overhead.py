"""What the SDK costs on top of bare httpx2: `python -m benchmarks.sdk_overhead [--rounds N]`.

The same request to the same server over TLS, once as a person would send it with httpx2 and a fixed
header, once in each way of the SDK. Within every round the ways take turns ten times, in another
order each time; a way is compared with the bare one of the same round, and the median of all rounds
is shown.
The server runs on core 0, this program on core 1.
"""

import argparse
import asyncio
import os
import random
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx2

import flextell_sdk
from flextell.settings import Settings
from flextell.store.opening import open_store
from tests.peers.business import open_business
from tests.together.sdk import at, signed_in
from tests.together.server import RunningServer

SERVER_CORE, CLIENT_CORE = 0, 1
CALLS, PIECES = 100, 10
CUSTOMER = "/v1/customers/1"

Calls = Callable[[], None]


@dataclass(slots=True)
class Spent:
    """Microseconds of a call, round by round: of the clock, and of this program's CPU."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """A new round."""
        self.wall.append(0.0)
        self.cpu.append(0.0)

    def add(self, piece: Calls) -> None:
        """What a piece of a round takes."""
        wall, cpu = time.perf_counter(), time.process_time()
        piece()
        self.cpu[-1] += (time.process_time() - cpu) * 1e6 / CALLS
        self.wall[-1] += (time.perf_counter() - wall) * 1e6 / CALLS

    def line(self, name: str, bare: "Spent") -> str:
        """One row of the table."""
        cells = (
            f"{statistics.median(self.wall):,.0f}",
            overhead(self.wall, bare.wall),
            f"{statistics.median(self.cpu):,.0f}",
            overhead(self.cpu, bare.cpu),
        )
        return f"| {name} | {' | '.join(cells)} |"


def overhead(ours: list[float], bare: list[float]) -> str:
    """The median of how much more each round took, in percent."""
    more = statistics.median(one / other for one, other in zip(ours, bare, strict=True)) - 1
    return f"{more:+.1%}"


BARE = "bare httpx2, `.get(...).json()`"


def in_threads(grant: flextell_sdk.Grant, trust: ssl.SSLContext) -> Mapping[str, Calls]:
    """Every way without tasks."""
    url = grant.wire.app.api_url + CUSTOMER
    bare = httpx2.Client(verify=trust, headers=header(grant))
    with_auth = httpx2.Client(verify=trust, auth=flextell_sdk.GrantAuth(grant))
    client = flextell_sdk.Client(grant)
    ways: Mapping[str, Callable[[], object]] = {
        BARE: lambda: bare.get(url).json(),
        "`GrantAuth` on an httpx2.Client": lambda: with_auth.get(url).json(),
        "`Client.call`": lambda: client.call("GET", CUSTOMER),
        "`Client.customers.get`, typed": lambda: client.customers.get(1),
    }

    def calls(way: Callable[[], object]) -> None:
        for _ in range(CALLS // PIECES):
            way()

    return {name: partial(calls, way) for name, way in ways.items()}


def in_tasks(
    grant: flextell_sdk.Grant, trust: ssl.SSLContext, loop: asyncio.Runner
) -> Mapping[str, Calls]:
    """Every way with tasks."""
    url = grant.wire.app.api_url + CUSTOMER
    bare = httpx2.AsyncClient(verify=trust, headers=header(grant))
    with_auth = httpx2.AsyncClient(verify=trust, auth=flextell_sdk.GrantAuth(grant))
    client = flextell_sdk.AsyncClient(grant)

    async def plainly(http: httpx2.AsyncClient) -> object:
        return (await http.get(url)).json()

    ways: Mapping[str, Callable[[], Awaitable[object]]] = {
        BARE: lambda: plainly(bare),
        "`GrantAuth` on an httpx2.AsyncClient": lambda: plainly(with_auth),
        "`AsyncClient.call`": lambda: client.call("GET", CUSTOMER),
        "`AsyncClient.customers.get`, typed": lambda: client.customers.get(1),
    }

    async def calls(way: Callable[[], Awaitable[object]]) -> None:
        for _ in range(CALLS // PIECES):
            await way()

    def all_of(way: Callable[[], Awaitable[object]]) -> None:
        loop.run(calls(way))

    return {name: partial(all_of, way) for name, way in ways.items()}


def header(grant: flextell_sdk.Grant) -> dict[str, str]:
    """What a program sends that sees to its tokens itself."""
    return {"authorization": f"Bearer {grant.tokens().access_token}"}


def measured(ways: Mapping[str, Calls], rounds: int) -> Mapping[str, Spent]:
    """Every way in every round, piece by piece, after one piece that does not count."""
    spent = {name: Spent() for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for each in spent.values():
            each.begin()
        for _ in range(PIECES):
            for name in random.sample(list(ways), len(ways)):
                spent[name].add(ways[name])
    return spent


def table(spent: Mapping[str, Spent]) -> str:
    """As Markdown."""
    lines = [
        "| a call by | microseconds | more than bare | of CPU | more than bare |",
        "| --- | --: | --: | --: | --: |",
        *(each.line(name, spent[BARE]) for name, each in spent.items()),
    ]
    return "\n".join(lines)


@contextmanager
def alices_grant(folder: Path) -> Iterator[flextell_sdk.Grant]:
    """What Alice allowed at a server of this run; her business has a customer."""
    server = RunningServer(folder / "data", api_requests_per_window=1_000_000_000)
    server.data_dir.mkdir(mode=0o700)
    store = open_store(Settings(data_dir=server.data_dir))
    store.at_once(open_business)
    store.close()
    os.sched_setaffinity(0, {SERVER_CORE})  # it inherits that
    server.start()
    os.sched_setaffinity(0, {CLIENT_CORE})
    app = at(server.url, server.create_app(), server.data_dir / "ca.pem")
    try:
        with flextell_sdk.Grants(app, flextell_sdk.MemoryStore()) as grants:
            yield signed_in(grants, server)
    finally:
        server.stop()


def main() -> None:
    """Print a table for threads and one for tasks."""
    parser = argparse.ArgumentParser(description="Measure what the SDK costs for each call.")
    parser.add_argument("--rounds", type=int, default=40, help=f"of {CALLS} calls for each way")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        alices_grant(Path(folder)) as grant,
        asyncio.Runner() as loop,
    ):
        trust = grant.wire.app.trust()
        print(f"Medians of {asked.rounds} rounds of {CALLS} calls.\n")
        print(table(measured(in_threads(grant, trust), asked.rounds)), "\n")
        print(table(measured(in_tasks(grant, trust, loop), asked.rounds)))
        loop.run(grant.wire.close_of_tasks())


if __name__ == "__main__":
    main()
