"""Measure one kind of work at one server: steps on every connection for some seconds."""

import asyncio
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle

from benchmarks import work
from benchmarks.connection import Connection
from benchmarks.server import CUSTOMERS, LISTED, SIZES, Server

CODES_AT_A_TIME = 400

Step = Callable[[Connection, int], Awaitable[None]]
# CPU seconds that the database has used so far.
DatabaseClock = Callable[[], float]


def no_database() -> float:
    """The clock of a database inside the server."""
    return 0.0


@dataclass
class Measured:
    """What a kind of work came to, round by round."""

    per_second: list[float] = field(default_factory=list)
    per_cpu_second: list[float] = field(default_factory=list)
    database_microseconds: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def rate(self) -> float:
        """Operations a second, the median of the rounds."""
        return statistics.median(self.per_second)

    def cpu_rate(self) -> float:
        """Operations for each CPU second of the server."""
        return statistics.median(self.per_cpu_second)

    def database(self) -> float:
        """CPU microseconds of the database for each operation."""
        return statistics.median(self.database_microseconds)

    def percentile(self, percent: int) -> float:
        """So many in a hundred took no longer, in milliseconds."""
        return statistics.quantiles(self.milliseconds, n=100)[percent - 1]

    def line(self, name: str) -> str:
        """One row of the table."""
        return (
            f"| {name} | {self.rate():,.0f} | {self.cpu_rate():,.0f} "
            f"| {self.percentile(50):.2f} | {self.percentile(99):.2f} |"
        )

    def note(self, count: int, seconds: float, cpu: float, database: float) -> None:
        """Keep a round: so many operations in so much time of these."""
        self.per_second.append(count / seconds)
        self.per_cpu_second.append(count / max(cpu, 0.01))
        self.database_microseconds.append(database / count * 1e6)


class Bench:
    """A server, its connections, and one session and one chain of tokens for each."""

    def __init__(
        self, server: Server, connections: list[Connection], database: DatabaseClock = no_database
    ) -> None:
        self.server, self.connections = server, connections
        self.cookies: list[str] = []
        self.tokens: list[dict[str, str]] = []
        self.introspected: list[str] = []
        self._database = database
        self._customer_ids = cycle(range(1, CUSTOMERS + 1))

    async def begin(self) -> None:
        """Sign in on every connection, and get tokens, where there is such a thing."""
        for connection in self.connections if self.server.paths.authorize else ():
            cookie = await work.sign_in(connection, self.server)
            self.cookies.append(cookie)
            code = await work.new_code(connection, self.server, cookie)
            self.tokens.append(await work.exchange(connection, self.server, code))
            self.introspected.append(await self._introspectable(connection, cookie))

    async def _introspectable(self, connection: Connection, cookie: str) -> str:
        """An access token that the server can be asked about."""
        if not self.server.resource:
            return self.tokens[-1]["access_token"]
        code = await work.new_code(connection, self.server, cookie, resource="")
        return (await work.exchange(connection, self.server, code))["access_token"]

    def steps(self) -> Mapping[str, Step]:
        """What the server can do, by the name of the work."""
        signs_in = bool(self.server.paths.authorize)
        able = {
            "refresh with rotation": (self.refresh, signs_in),
            "full code flow (2 requests)": (self.full_flow, signs_in),
            "introspection": (self.introspect, bool(self.server.paths.introspect)),
            "client credentials": (self.client_credentials, bool(self.server.own_client_id)),
            "API call": (self.call_api, bool(self.server.paths.api)),
            "read a customer": (self.read_customer, bool(self.server.paths.customer)),
            "list 50 customers": (self.list_customers, bool(self.server.paths.customers)),
        }
        return {name: step for name, (step, can) in able.items() if can}

    async def refresh(self, connection: Connection, index: int) -> None:
        """One step of a chain of rotations."""
        token = self.tokens[index]["refresh_token"]
        self.tokens[index] = await work.refresh(connection, self.server, token)

    async def full_flow(self, connection: Connection, index: int) -> None:
        """A code by a session and remembered consent, exchanged at once."""
        code = await work.new_code(connection, self.server, self.cookies[index])
        await work.exchange(connection, self.server, code)

    async def introspect(self, connection: Connection, index: int) -> None:
        """Ask about an access token."""
        await work.introspect(connection, self.server, self.introspected[index])

    async def client_credentials(self, connection: Connection, _index: int) -> None:
        """An access token for the app itself."""
        await work.client_credentials(connection, self.server)

    async def call_api(self, connection: Connection, index: int) -> None:
        """The smallest call of the API."""
        await work.call_api(connection, self.server.paths.api, self._access_token(index))

    async def read_customer(self, connection: Connection, index: int) -> None:
        """A call that reads one customer: another one each time, for we ask the same once."""
        path = self.server.paths.customer.format(id=next(self._customer_ids))
        await work.call_api(connection, path, self._access_token(index))

    async def list_customers(self, connection: Connection, index: int) -> None:
        """A call that lists about 50 customers, with their tags and the total.

        Each connection wants a few more or less: nobody's list is anybody else's.
        """
        path = self.server.paths.customers.format(size=LISTED + index % SIZES - SIZES // 2)
        await work.call_api(connection, path, self._access_token(index))

    def _access_token(self, index: int) -> str:
        return self.tokens[index]["access_token"] if self.tokens else ""

    async def measure(self, into: Measured, step: Step, seconds: float) -> None:
        """Run a step on every connection for some seconds."""
        cpu, database = self.server.cpu_seconds(), self._database()
        began = time.perf_counter()

        async def loop(connection: Connection, index: int) -> int:
            count = 0
            while (start := time.perf_counter()) - began < seconds:
                await step(connection, index)
                into.milliseconds.append((time.perf_counter() - start) * 1000)
                count += 1
            return count

        counts = await asyncio.gather(*map(loop, self.connections, range(len(self.connections))))
        spent = time.perf_counter() - began
        into.note(sum(counts), spent, self.server.cpu_seconds() - cpu, self._database() - database)

    async def measure_exchanges(self, into: Measured, seconds: float) -> None:
        """Exchange codes that were made before the clock ran."""
        spent, count, cpu_spent, database_spent = 0.0, 0, 0.0, 0.0
        while spent < seconds:
            codes = await self._codes()
            cpu, database = self.server.cpu_seconds(), self._database()
            began = time.perf_counter()

            async def loop(connection: Connection, codes: list[str] = codes) -> None:
                while codes:
                    start = time.perf_counter()
                    await work.exchange(connection, self.server, codes.pop())
                    into.milliseconds.append((time.perf_counter() - start) * 1000)

            count += len(codes)
            await asyncio.gather(*map(loop, self.connections))
            spent += time.perf_counter() - began
            cpu_spent += self.server.cpu_seconds() - cpu
            database_spent += self._database() - database
        into.note(count, spent, cpu_spent, database_spent)

    async def _codes(self) -> list[str]:
        codes: list[str] = []

        async def loop(connection: Connection, cookie: str) -> None:
            while len(codes) < CODES_AT_A_TIME:
                codes.append(await work.new_code(connection, self.server, cookie))

        await asyncio.gather(*map(loop, self.connections, self.cookies))
        return codes


@asynccontextmanager
async def opened(
    server: Server, connections: int, database: DatabaseClock = no_database
) -> AsyncIterator[Bench]:
    """A bench with connections and sessions of its own, which are closed at the end."""
    context = ssl.create_default_context(cafile=server.ca_file) if server.ca_file else None
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(Connection(server.issuer, context))
            for _ in range(connections)
        ]
        bench = Bench(server, made, database)
        await bench.begin()
        yield bench
