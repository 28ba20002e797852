"""A storm of sign-ins takes what is left of the machine, not what refreshes need."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

import httpx2
import pytest

from flextell.web.browser import SESSION_COOKIE
from tests.figures import Note
from tests.together.client import Caller, Tokens, callers, connected, seconds_until, tokens
from tests.together.conftest import Start
from tests.together.server import ALICE, PASSWORD, App, RunningServer
from tests.web import flows

pytestmark = pytest.mark.anyio

STRANGERS = 100
CHAINS = 4
REFRESHES = 50
LONGEST_SECONDS = 5.0
# A storm may cost a refresh so many times what it takes in quiet, or so many seconds.
SLOWER = 50
MEDIAN_SECONDS = 0.3


@dataclass
class Storm:
    """Browsers that send the sign-in form again and again, and how often each status came."""

    statuses: Counter[int] = field(default_factory=Counter)
    stopping: bool = False

    async def sign_in(self, browser: httpx2.AsyncClient, page: httpx2.Response) -> None:
        """One browser, until the storm is told to stop."""
        while not self.stopping:
            answer = await flows.submit(browser, page, email=ALICE, password=PASSWORD)
            self.statuses[answer.status_code] += 1
            if answer.status_code == 303:
                # The form is good for a browser in which nobody is signed in.
                browser.cookies.delete(SESSION_COOKIE)


@asynccontextmanager
async def storm_of_sign_ins(server: RunningServer, app: App) -> AsyncIterator[Storm]:
    """The storm, at its height while the body runs: the queue for hashing is full."""
    storm = Storm()
    trust = server.trust()
    async with AsyncExitStack() as stack:
        work = []
        for _ in range(STRANGERS):
            client = httpx2.AsyncClient(base_url=server.url, verify=trust, timeout=60)
            browser = await stack.enter_async_context(client)
            page = await flows.visit(
                browser, flows.asks(flows.App(app.client_id, app.redirect_uri))
            )
            assert flows.is_sign_in(page)
            work.append((browser, page))
        tasks = [asyncio.ensure_future(storm.sign_in(*each)) for each in work]

        async def at_its_height() -> bool:
            return bool(storm.statuses[503] and storm.statuses[303])

        try:
            await seconds_until(at_its_height, limit=30)
            yield storm
        finally:
            storm.stopping = True
            await asyncio.gather(*tasks)


async def refreshed(caller: Caller, newest: Tokens, seconds: list[float]) -> None:
    """A chain of refreshes, each of which must be answered; how long each took."""
    for _ in range(REFRESHES):
        began = time.monotonic()
        newest = tokens(await caller.refresh(newest.refresh))
        seconds.append(time.monotonic() - began)


async def test_a_storm_of_sign_ins_starves_no_refresh(start: Start, note: Note) -> None:
    """Hashes wait for one another in a queue with an end; refreshes go past it."""
    server = start(page_requests_per_window=1_000_000)
    app = server.create_app()
    quiet, stormy = list[float](), list[float]()
    async with server.browser() as alice, callers(server, app, CHAINS) as everybody:

        async def every_chain(seconds: list[float]) -> None:
            first = [await connected(alice, caller) for caller in everybody]
            await asyncio.gather(
                *(refreshed(c, t, seconds) for c, t in zip(everybody, first, strict=True))
            )

        await every_chain(quiet)
        chains = [await connected(alice, caller) for caller in everybody]
        async with storm_of_sign_ins(server, app) as storm:
            before = storm.statuses.copy()
            await asyncio.gather(
                *(refreshed(c, t, stormy) for c, t in zip(everybody, chains, strict=True))
            )
            during = storm.statuses - before

    assert during[303] > 0, "people go on signing in"
    assert set(storm.statuses) == {303, 503}, "signed in, or told to try again"
    assert len(stormy) == CHAINS * REFRESHES
    assert max(stormy) < LONGEST_SECONDS
    assert median(stormy) < max(SLOWER * median(quiet), MEDIAN_SECONDS)
    note(
        f"a refresh while {STRANGERS} people sign in and again: {median(stormy) * 1000:.0f} ms "
        f"(median), {max(stormy) * 1000:.0f} ms at most; in quiet {median(quiet) * 1000:.0f} ms"
    )
