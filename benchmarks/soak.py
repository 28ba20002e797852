"""Does a node's memory stay flat? `python -m benchmarks.soak`.

A constant, modest load of everything that a node does: flows, refreshes, API calls, introspection,
revocations, sign-ins and wrong passwords. Each minute a line says how much memory the server has;
the last says whether the second half of the run was flat. By then whatever a node remembers only
up to a bound should be full: the largest takes 100,000 refreshes whose access token was used.

`--minutes N`; `--times N` does N times as much in a second, so that an hour's worth takes less;
`--postgresql` in place of SQLite.
"""

import argparse
import asyncio
import html
import re
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks import work
from benchmarks.connection import Connection
from benchmarks.flat import database_of
from benchmarks.server import EMAIL, PASSWORD, Server, running
from flextell.settings import Settings
from flextell.store.opening import migrate

CONNECTIONS = 16
SERVER_CORE = 0
FLAT_SHARE = 0.02

# All guesses come from one address, which would soon have to wait.
LIMITS = {"FLEXTELL_SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS": "1000000000"}


@dataclass
class Visitor:
    """One connection, and the tokens of the app at its other end."""

    server: Server
    connection: Connection
    cookie: str
    tokens: dict[str, str] = field(default_factory=dict)

    async def flow(self, number: int) -> None:
        """A code by a session and a remembered consent, exchanged at once."""
        code = await work.new_code(self.connection, self.server, self.cookie)
        self.tokens = await work.exchange(self.connection, self.server, code)

    async def refresh(self, number: int) -> None:
        """One rotation, and the first use of what it bought."""
        token = self.tokens["refresh_token"]
        self.tokens = await work.refresh(self.connection, self.server, token)
        await self.call_api(number)

    async def call_api(self, number: int) -> None:
        """The smallest call."""
        path = self.server.paths.api
        await work.call_api(self.connection, path, self.tokens["access_token"])

    async def introspect(self, number: int) -> None:
        """Ask about the access token."""
        await work.introspect(self.connection, self.server, self.tokens["access_token"])

    async def revoke(self, number: int) -> None:
        """Give everything back, and begin anew."""
        form = {"token": self.tokens["refresh_token"]}
        request = self.connection.post("/oauth/revoke", form, work.basic(self.server))
        work.expect(await self.connection.send(request), 200)
        await self.flow(number)

    async def sign_in(self, number: int) -> None:
        """Alice, in a browser that nobody has seen."""
        await self._try_password(EMAIL, PASSWORD, 303)

    async def wrong_password(self, number: int) -> None:
        """Somebody who guesses."""
        await self._try_password(f"nobody-{number}@example.com", "wrong horse", 422)

    async def _try_password(self, email: str, password: str, status: int) -> None:
        browser = work.Browser(self.connection)
        reply = await browser.get(work.authorize_target(self.server, ""))
        page = work.expect(await browser.get(reply.header("location")), 200)
        text = page.body.decode()
        action, csrf = (re.search(f'{name}="([^"]+)"', text) for name in ("action", "csrf. value"))
        if action is None or csrf is None:
            raise work.Unexpected("a page without a form")
        form = {"email": email, "password": password, "csrf": csrf[1]}
        work.expect(await browser.post(html.unescape(action[1]), form), status)


Operation = Callable[[Visitor, int], Awaitable[None]]

# Operation → how many of them in a second, among 150.
MIX: dict[Operation, int] = {
    Visitor.refresh: 60,
    Visitor.call_api: 50,
    Visitor.introspect: 25,
    Visitor.flow: 10,
    Visitor.sign_in: 2,
    Visitor.revoke: 2,
    Visitor.wrong_password: 1,
}


def a_second() -> list[Operation]:
    """The operations of one second, those of a kind spread evenly over it."""
    due = [((n + 0.5) / many, step) for step, many in MIX.items() for n in range(many)]
    return [step for _, step in sorted(due, key=lambda pair: pair[0])]


@dataclass
class Load:
    """Who does the next operation when; how many were done, and how late the latest began."""

    began: float
    seconds: float
    per_second: int
    numbers: "count[int]" = field(default_factory=count)
    done: int = 0
    latest: float = 0.0

    async def carry(self, visitor: Visitor) -> None:
        """Take operation after operation as they fall due, until the time is over."""
        steps = a_second()
        while (number := next(self.numbers)) < self.seconds * self.per_second:
            due = self.began + number / self.per_second
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            self.latest = max(self.latest, time.perf_counter() - due)
            await steps[number % len(steps)](visitor, number)
            self.done += 1


def memory(pid: int) -> tuple[float, float]:
    """What a process has resident, and what of it is its own data, no part of a file, in MiB.

    The latter is judged: pages of files come and go with who else has them open (PSS).
    """
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    names = ("Rss", "Anonymous")
    rss, own = (re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE) for name in names)
    assert rss is not None
    assert own is not None
    return int(rss[1]) / 1024, int(own[1]) / 1024


async def told(server: Server, load: Load) -> list[float]:
    """A line a minute; the own data of each."""
    found: list[float] = []
    print("| minute | operations | latest ms | RSS MiB | own MiB |")
    print("| --: | --: | --: | --: | --: |")
    for minute in count(1):
        if 60 * minute > load.seconds:
            return found
        await asyncio.sleep(load.began + 60 * minute - time.perf_counter())
        rss, own = memory(server.pid)
        found.append(own)
        print(
            f"| {minute} | {load.done:,} | {1000 * load.latest:,.0f} | {rss:.1f} | {own:.1f} |",
            flush=True,
        )
        load.latest = 0.0
    raise AssertionError("counting ended")


def verdict(own: list[float]) -> str:
    """Whether the last half was flat: its second half is no higher than its first."""
    half = own[len(own) // 2 :]
    middle = max(len(half) // 2, 1)
    before, after = statistics.mean(half[:middle]), statistics.mean(half[-middle:])
    word = "flat" if after <= before * (1 + FLAT_SHARE) else "NOT flat"
    return f"The last half: {before:.1f} MiB, then {after:.1f} MiB: {word}."


async def run(server: Server, minutes: float, per_second: int) -> str:
    """Load the server and watch it."""
    context = ssl.create_default_context(cafile=server.ca_file) if server.ca_file else None
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(Connection(server.issuer, context))
            for _ in range(CONNECTIONS)
        ]
        cookie = await work.sign_in(connections[0], server)
        visitors = [Visitor(server, connection, cookie) for connection in connections]
        for visitor in visitors:
            await visitor.flow(0)
        load = Load(time.perf_counter(), minutes * 60, per_second)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(told(server, load))
            for visitor in visitors:
                tasks.create_task(load.carry(visitor))
    return verdict(watching.result())


def main() -> None:
    """Print the table and what it says."""
    parser = argparse.ArgumentParser(description="Watch the memory of a node under load.")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--times", type=int, default=1, help="as much in a second")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    asked = parser.parse_args()
    per_second = asked.times * sum(MIX.values())
    with tempfile.TemporaryDirectory() as name, database_of(not asked.postgresql) as database:
        if database:
            migrate(Settings(data_dir=Path(name), database=database))
        with running(Path(name), SERVER_CORE, database, LIMITS) as server:
            print(f"{per_second} operations a second, {'PostgreSQL' if database else 'SQLite'}\n")
            print(asyncio.run(run(server, asked.minutes, per_second)))


if __name__ == "__main__":
    main()
