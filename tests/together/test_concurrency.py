"""Many at once: a code buys once, a refresh token has one successor, an end is an end."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.figures import Note
from tests.together.client import (
    Caller,
    body,
    callers,
    connected,
    new_code,
    refused_everywhere,
    tokens,
)
from tests.together.server import RunningServer

pytestmark = pytest.mark.anyio

EXCHANGES = 200
REFRESHES = 1000
RACES = 500
RACES_AT_ONCE = 10


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server on each engine that knows Alice."""
    database = ""
    if request.param == "postgresql":
        database = request.getfixturevalue("module_postgres_database")
    own = RunningServer(tmp_path_factory.mktemp("concurrency") / "data", database=database)
    own.command("migrate")
    own.create_person()
    try:
        yield own.start()
    finally:
        own.stop()


def engine_of(node: RunningServer) -> str:
    """How to name the server's database in a figure."""
    return "PostgreSQL" if node.database else "SQLite"


async def test_of_many_exchanges_of_one_code_one_succeeds_and_its_tokens_die(
    node: RunningServer, note: Note
) -> None:
    """RFC 6749 §4.1.2, §10.5: a second use is denied and revokes what the first one bought."""
    app = node.create_app()
    async with node.browser() as browser, callers(node, app, EXCHANGES) as everybody:
        code = await new_code(browser, app)
        await awaken(everybody)

        began = time.monotonic()
        replies = await asyncio.gather(*(caller.exchange(code) for caller in everybody))
        seconds = time.monotonic() - began

        assert Counter(reply.status for reply in replies) == {200: 1, 400: EXCHANGES - 1}
        bought = [tokens(reply) for reply in replies if reply.status == 200]
        refusals = [body(reply)["error"] for reply in replies if reply.status == 400]
        assert refusals == ["invalid_grant"] * (EXCHANGES - 1)
        await refused_everywhere(everybody[0], bought)
        told = body(await everybody[0].call_api(bought[0].access))
        assert "revoked" in told["message"]
    note(
        f"{engine_of(node)}: {EXCHANGES} exchanges of one code on {EXCHANGES} connections in "
        f"{seconds:.2f} s: 1 success, {len(refusals)} refusals, no token works"
    )


async def awaken(everybody: list[Caller]) -> None:
    """Ask for nothing, all at once: afterwards every worker of the server is ready to race."""
    await asyncio.gather(*(caller.refresh("an-unknown-token") for caller in everybody))


async def test_many_refreshes_of_one_token_all_get_the_same_successor(
    node: RunningServer, note: Note
) -> None:
    """RFC 9700 §4.14.2, and the retry that a lost answer needs: one rotation, however often asked.

    The row of the successor is the only one made.
    """
    app = node.create_app()
    async with node.browser() as browser, callers(node, app, REFRESHES) as everybody:
        first = await connected(browser, everybody[0])
        before = node.count("refresh_tokens")
        await awaken(everybody)

        began = time.monotonic()
        replies = await asyncio.gather(*(caller.refresh(first.refresh) for caller in everybody))
        seconds = time.monotonic() - began

        assert Counter(reply.status for reply in replies) == {200: REFRESHES}
        assert len({tokens(reply).refresh for reply in replies}) == 1
        assert node.count("refresh_tokens") == before + 1
        last = tokens(replies[0])
        assert (await everybody[0].call_api(last.access)).status == 200
        assert (await everybody[0].refresh(last.refresh)).status == 200
    note(
        f"{engine_of(node)}: {REFRESHES} refreshes of one token on {REFRESHES} connections in "
        f"{seconds:.2f} s: 1 refresh token, 1 row"
    )


async def test_after_a_refresh_raced_a_revocation_no_token_works(
    node: RunningServer, note: Note
) -> None:
    """RFC 7009 §2.1: whichever of the two came second saw the first."""
    app = node.create_app("--introspect")
    async with node.browser() as browser, callers(node, app, 2 * RACES_AT_ONCE) as everybody:
        codes = [await new_code(browser, app) for _ in range(RACES)]
        pairs = list(zip(everybody[::2], everybody[1::2], strict=True))

        async def races(one: Caller, other: Caller) -> int:
            refreshed = 0
            while codes:
                refreshed += await race(one, other, codes.pop())
            return refreshed

        refreshed = sum(await asyncio.gather(*(races(one, other) for one, other in pairs)))

    note(
        f"{engine_of(node)}: {RACES} races of refresh and revoke: the refresh was first in "
        f"{refreshed}; no token works after any"
    )
    assert 0 < refreshed < RACES, "the two never met"


async def race(one: Caller, other: Caller, code: str) -> bool:
    """Refresh and revoke at once, then try every token; whether the refresh was answered."""
    first = tokens(await one.exchange(code))
    both = [one.refresh(first.refresh), other.revoke(first.refresh)]
    backwards = random.random() < 0.5
    replies = await asyncio.gather(*(both[::-1] if backwards else both))
    refresh, revoke = replies[::-1] if backwards else replies

    assert revoke.status == 200
    assert refresh.status in (200, 400)
    handed_out = [first] + ([tokens(refresh)] if refresh.status == 200 else [])
    await refused_everywhere(one, handed_out)
    return refresh.status == 200
