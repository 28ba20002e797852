"""Twelve people's apps at work: refresh chains, API calls, new flows, new sign-ins, all noted.

They behave as real clients do: after a lost answer or a 5xx a refresh sends the same token again,
and a code flow begins anew. Any other refusal is a failure of the run: somebody was signed out.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

import httpx2

from benchmarks.connection import Reply
from tests.together.client import Caller, Tokens, in_flows, tokens
from tests.together.cluster import APP, PEOPLE, Cluster
from tests.together.server import PASSWORD
from tests.web import flows

TRY_AGAIN_SECONDS = 0.05
UNAVAILABLE = (502, 503, 504)
# Not everybody's app refreshes as fast as it can, and people are slower.
THINK_SECONDS = 0.08
PEOPLE_THINK = 3
RETURNING, NEWCOMERS = 2, 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is over: when, and its status, or 0 if no answer came."""

    what: str
    at: float
    status: int

    @property
    def failed(self) -> bool:
        """Whether it has to be made again."""
        return self.status == 0 or self.status in UNAVAILABLE


@dataclass
class Load:
    """What was asked, what was handed out, and how long a refresh took until it was answered."""

    think_seconds: float
    asked: list[Asked] = field(default_factory=list)
    handed_out: list[str] = field(default_factory=list)
    unspent: list[Tokens] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    stopping: bool = False

    def failed(self) -> list[Asked]:
        """The requests that had to be made again."""
        return [each for each in self.asked if each.failed]

    async def tried(self, what: str, ask: Awaitable[Reply]) -> Reply | None:
        """The answer, or None when the same must be asked again."""
        try:
            reply = await ask
        except (OSError, EOFError):
            self.asked.append(Asked(what, monotonic(), 0))
            return None
        self.asked.append(asked := Asked(what, monotonic(), reply.status))
        if asked.failed:
            return None
        assert reply.status == 200, f"{what}: {reply.status} {reply.body!r}"
        return reply

    async def chain(self, name: str, caller: Caller, newest: Tokens) -> None:
        """Refresh, call the API, think, and again, as long as the load goes on."""
        while not self.stopping:
            began = monotonic()
            reply = await self.tried("refreshes", caller.refresh(newest.refresh))
            while reply is None:
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                reply = await self.tried("refreshes", caller.refresh(newest.refresh))
            self.waits.append(monotonic() - began)
            newest = tokens(reply)
            self.handed_out.append(newest.access)
            await self.tried("API calls", caller.call_api(newest.access))
            self.steps[name] += 1
            await asyncio.sleep(self.think_seconds)
        self.unspent.append(newest)

    async def visitor(
        self, browser: httpx2.AsyncClient, caller: Caller, person: str, returning: bool
    ) -> None:
        """Give the app a new grant, and again; with a session, or signing in each time."""
        while not self.stopping:
            if not returning:
                browser.cookies.clear()
            page = await self._agreed(browser, person)
            if page is None:
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                continue
            code = flows.sent_back(page)["code"]
            if (reply := await self.tried("code exchanges", caller.exchange(code))) is not None:
                self.unspent.append(found := tokens(reply))
                self.handed_out.append(found.access)
                await self.tried("API calls", caller.call_api(found.access))
            await asyncio.sleep(PEOPLE_THINK * self.think_seconds)

    async def _agreed(self, browser: httpx2.AsyncClient, person: str) -> httpx2.Response | None:
        """The redirect to the app, or None when the person meets an error on the way."""
        try:
            page = await flows.visit(browser, flows.asks(in_flows(APP), scope=APP.scope))
            if flows.is_sign_in(page):
                page = await flows.sign_in(browser, page, person, PASSWORD)
        except httpx2.TransportError:
            self.asked.append(Asked("pages", monotonic(), 0))
            return None
        self.asked.append(asked := Asked("pages", monotonic(), page.status_code))
        if asked.failed:
            return None
        assert page.status_code in (302, 303), f"pages: {page.status_code} {page.text}"
        return page


@asynccontextmanager
async def under_load(cluster: Cluster, think_seconds: float = THINK_SECONDS) -> AsyncIterator[Load]:
    """The load, while the body runs; whatever it asked last is answered before this ends.

    Raises an ExceptionGroup, and cancels the body, when anybody was refused what was theirs.
    """
    load, trust = Load(think_seconds), cluster.trust()
    async with AsyncExitStack() as stack:

        async def arrived(person: str) -> tuple[httpx2.AsyncClient, Caller, Tokens]:
            browser = await stack.enter_async_context(cluster.browser())
            caller = await stack.enter_async_context(cluster.client(trust))
            code = await flows.code_for(browser, in_flows(APP), person, PASSWORD, scope=APP.scope)
            return browser, caller, tokens(await caller.exchange(code))

        everybody = await asyncio.gather(*map(arrived, PEOPLE))
        async with asyncio.TaskGroup() as work:
            for person, (_, caller, newest) in zip(PEOPLE, everybody, strict=True):
                work.create_task(load.chain(person, caller, newest))
            for number in range(RETURNING + NEWCOMERS):
                browser, returning = everybody[number][0], number < RETURNING
                own = await stack.enter_async_context(cluster.client(trust))
                work.create_task(load.visitor(browser, own, PEOPLE[number], returning))
            yield load
            load.stopping = True


async def everything_works(cluster: Cluster, load: Load) -> None:
    """Every access token calls the API, every refresh token that is the newest buys another."""
    access, refresh = list(load.handed_out), list(load.unspent)

    async def check(caller: Caller) -> None:
        while access:
            reply = await caller.call_api(access.pop())
            assert reply.status == 200, reply.body
        while refresh:
            tokens(await caller.refresh(refresh.pop().refresh))

    async with cluster.callers(12) as callers:
        await asyncio.gather(*map(check, callers))
