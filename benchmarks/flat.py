"""Do tables stay flat? `python -m benchmarks.flat [--rotations N] [--sqlite] [--speed N]`.

One node in this process, on a clock that runs fast, so that what expires goes away while we look:
16 chains refresh as fast as they can through the whole server but its sockets; each connects anew
after 200 rotations, and takes back every other grant. The table shows what each so many rotations
left: all of it must come to rest at some height.
"""

import argparse
import asyncio
import json
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import text
from starlette.types import ASGIApp, Message

from benchmarks.postgres import durable_postgres
from flextell.oauth.model import AuthorizationCode, Grant, RefreshToken, digest_of
from flextell.settings import DAY, HOUR, Settings
from flextell.store.opening import database_url, engine
from flextell.store.port import Unit
from tests import world
from tests.postgres import fresh_database

CHAINS = 16
ROTATIONS_A_GRANT = 200
TABLES = ("refresh_tokens", "grants", "codes", "revocations")
LINES = 10
# A second of ours is an hour of this clock. A refresh token lives for 24 of them, so that a machine
# that stands still for a few does not end the run; its row stays for a day more.
SPEED = 3600
SHORT: dict[str, Any] = {
    "refresh_token_seconds": DAY,
    "used_code_retention_seconds": DAY,
    "signing_key_rotation_seconds": 0,
    "oauth_requests_per_window": 10**9,
}

_PAIR = f"{world.PHOTOS.client_id}:{world.SECRET}".encode()
REQUEST: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "https",
    "path": "/oauth/token",
    "raw_path": b"/oauth/token",
    "query_string": b"",
    "headers": [
        (b"host", b"localhost:8443"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"authorization", b"Basic " + b64encode(_PAIR)),
    ],
    "client": ("127.0.0.1", 50000),
    "server": ("localhost", 8443),
}

BYTES = {
    "postgresql": "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}
WASTE = {
    "postgresql": "SELECT sum(n_dead_tup) FROM pg_stat_user_tables",
    "sqlite": "SELECT freelist_count FROM pragma_freelist_count()",
}
VACUUMS = "SELECT sum(autovacuum_count) FROM pg_stat_user_tables"
MEBIBYTE = 2**20


@dataclass
class Run:
    """What all chains have in common."""

    node: world.World
    wanted: int
    done: int = 0

    async def chain(self, number: int) -> None:
        """One client, until all of them have rotated often enough."""
        grants = 0
        while self.done < self.wanted:
            grants += 1
            name = f"{number}-{grants}"
            token = f"flx_refresh_{name}"
            await self.node.parts.store.write(connect(name, token, self.node.clock.now))
            for _ in range(ROTATIONS_A_GRANT):
                token = await refreshed(self.node.app, token)
                self.done += 1

    async def turn_the_clock(self, speed: int) -> None:
        """Time flies."""
        first, began = self.node.clock.now, time.perf_counter()
        while True:
            await asyncio.sleep(max(1 / speed, 0.001))
            self.node.clock.now = first + int((time.perf_counter() - began) * speed)


async def refreshed(app: ASGIApp, token: str) -> str:
    """The refresh token that this one buys, asked for by ASGI itself: no client's time is spent."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    question = [{"type": "http.request", "body": urlencode(form).encode(), "more_body": False}]
    answer: list[Message] = []

    async def receive() -> Message:
        return question.pop()

    async def send(message: Message) -> None:
        answer.append(message)

    await app(dict(REQUEST), receive, send)
    if answer[0]["status"] != 200:
        raise RuntimeError(f"refused: {answer}")
    bought: str = json.loads(answer[1]["body"])["refresh_token"]
    return bought


def connect(name: str, token: str, now: int) -> Callable[[Unit], None]:
    """Alice connects Photos again by a code, and takes back every other grant she gave it."""
    number, _, grants = name.partition("-")
    scopes, client_id = world.PHOTOS.default_scopes, world.PHOTOS.client_id
    code = AuthorizationCode(
        digest=digest_of(f"code-{name}"),
        grant_id=name,
        client_id=client_id,
        subject="sub-alice",
        redirect_uri=world.PHOTOS.redirect_uris[0],
        scopes=scopes,
        code_challenge=None,
        nonce=None,
        auth_time=now,
        expires_at=now + 60,
    )

    def work(unit: Unit) -> None:
        unit.codes.put(code)
        unit.codes.claim(code.digest, now)
        unit.grants.add(Grant(name, client_id, "sub-alice", scopes, now))
        expires_at = now + SHORT["refresh_token_seconds"]
        unit.refresh_tokens.put(
            RefreshToken(digest_of(token), name, 0, now, expires_at, scopes, now + HOUR)
        )
        if int(grants) % 2 == 0:
            unit.grants.end(f"{number}-{int(grants) - 1}", "revoked", now, now + DAY)

    return work


def heights(settings: Settings) -> list[int]:
    """MiB of everything; dead rows (free pages of SQLite); vacuums (MiB of SQLite's log); rows."""
    with engine(database_url(settings)).connect() as connection:

        def one(sql: str) -> int:
            return int(connection.execute(text(sql)).scalar_one() or 0)

        name = connection.dialect.name
        found = [one(BYTES[name]) // MEBIBYTE, one(WASTE[name])]
        if name == "sqlite":
            found.append(Path(f"{database_url(settings).database}-wal").stat().st_size // MEBIBYTE)
        else:
            found.append(one(VACUUMS))
        return found + [one(f"SELECT count(*) FROM {table}") for table in TABLES]


async def run(folder: Path, database: str, asked: argparse.Namespace) -> None:
    """Rotate, and print a line now and then."""
    kind = "PostgreSQL" if database else "SQLite"
    waste = "dead rows | vacuums" if database else "free pages | log MiB"
    print(f"\n{kind}, {asked.rotations:,} rotations, a clock {asked.speed:,} times as fast\n")
    print(f"| rotations | per second | MiB | {waste} | {' | '.join(TABLES)} |")
    print("| " + " | ".join(["--:"] * (5 + len(TABLES))) + " |")
    async with world.running_world(folder, database, **SHORT) as node:
        this = Run(node, asked.rotations)
        clock = asyncio.create_task(this.turn_the_clock(asked.speed))
        chains = asyncio.gather(*map(this.chain, range(CHAINS)))
        await told(this, chains, node.parts.settings, asked.rotations // LINES)
        await chains
        clock.cancel()


async def told(
    this: Run, chains: "asyncio.Future[list[None]]", settings: Settings, every: int
) -> None:
    """A line for each so many rotations."""
    done, at = 0, time.perf_counter()
    while not chains.done():
        await asyncio.sleep(0.05)
        if this.done - done < every:
            continue
        rate = (this.done - done) / (time.perf_counter() - at)
        found = await asyncio.to_thread(heights, settings)
        cells = [this.done, round(rate), *found]
        print("| " + " | ".join(f"{cell:,}" for cell in cells) + " |", flush=True)
        done, at = this.done, time.perf_counter()


@contextmanager
def database_of(sqlite: bool) -> Iterator[str]:
    """The URL of an empty database, "" for the embedded one."""
    with ExitStack() as stack:
        yield (
            ""
            if sqlite
            else stack.enter_context(fresh_database(stack.enter_context(durable_postgres())))
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Show that tables stay flat.")
    parser.add_argument("--rotations", type=int, default=1_000_000)
    parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL")
    parser.add_argument("--speed", type=int, default=SPEED, help="of the clock")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database_of(asked.sqlite) as database:
        asyncio.run(run(Path(folder), database, asked))


if __name__ == "__main__":
    main()
