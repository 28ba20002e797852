"""`flextell serve --workers`: one node to the outside, whichever of its processes is met."""

import asyncio
import json
import os
import random
import signal
import ssl
import urllib.request
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

from benchmarks.connection import Reply
from flextell.exits import ExitCode
from tests.figures import Note
from tests.together.client import (
    Caller,
    OverTls,
    Tokens,
    body,
    callers,
    connected,
    in_flows,
    new_code,
    refused_everywhere,
    seconds_until,
    tokens,
)
from tests.together.conftest import Start
from tests.together.server import App, RunningServer
from tests.web.flows import asks, submit, visit

pytestmark = pytest.mark.anyio

WORKERS = 3
REFRESHES = 1000
RACES = 100
RACES_AT_ONCE = 10
REVOCATIONS = 50
CHAINS = 12
FREE_ATTEMPTS = 4
KILLS = 4
# The promise is a second, which one test measures; elsewhere a busy machine may take two.
NEWS_SECONDS = 2


@pytest.fixture(scope="module")
def node(
    module_postgres_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A node of several workers that knows Alice."""
    own = RunningServer(
        tmp_path_factory.mktemp("workers") / "data",
        database=module_postgres_database,
        workers=WORKERS,
        management_port=0,
        jwks_cache_seconds=0,
        sign_in_free_attempts=FREE_ATTEMPTS,
    )
    own.command("migrate")
    own.create_person()
    try:
        yield own.start()
        assert own.stop()[0] == ExitCode.OK
    finally:
        own.kill()


@dataclass(frozen=True, slots=True)
class EachTimeAnew:
    """A `Wire` that opens a connection for each request: the next worker gets it."""

    server: RunningServer
    context: ssl.SSLContext

    async def get(self, target: str, bearer: str) -> Reply:
        async with self.server.connection(self.context) as connection:
            return await OverTls(connection).get(target, bearer)

    async def post(self, target: str, form: dict[str, str]) -> Reply:
        async with self.server.connection(self.context) as connection:
            return await OverTls(connection).post(target, form)


def restless(node: RunningServer, app: App) -> Caller:
    """The app, on another connection for each request."""
    return Caller(app, EachTimeAnew(node, node.trust()))


@pytest.fixture
async def browser(node: RunningServer) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that keeps its cookies, and no connection."""
    none_kept = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(
        base_url=node.url, verify=node.trust(), limits=none_kept
    ) as browser:
        yield browser


def measured(node: RunningServer, name: str) -> Counter[str]:
    """A metric of each worker, all other labels taken together."""
    with urllib.request.urlopen(node.ready["management"] + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found: Counter[str] = Counter()
    for line in lines:
        if line.startswith(name + "{") and 'worker="' in line:
            found[line.partition('worker="')[2].partition('"')[0]] += int(float(line.split()[-1]))
    return found


def workers_of(node: RunningServer) -> list[int]:
    """The processes of its workers."""
    parent = node.ready["pid"]
    return list(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))


async def test_a_whole_flow_works_when_each_request_meets_another_worker(
    node: RunningServer, browser: httpx2.AsyncClient
) -> None:
    app = node.create_app("--introspect")
    before = measured(node, "flextell_requests_total")

    caller = restless(node, app)
    first = newest = await connected(browser, caller)
    for _ in range(2 * WORKERS):
        newest = tokens(await caller.refresh(newest.refresh))
        assert (await caller.call_api(newest.access)).status == 200
        assert body(await caller.introspect(newest.access))["active"] is True
    assert "code" in await sent_back_at_once(browser, app), "the session is known to all"
    assert (await caller.revoke(newest.refresh)).status == 200
    await seconds_until(lambda: all_refuse(node, app, newest), NEWS_SECONDS)
    await refused_everywhere(caller, [first, newest])

    after = measured(node, "flextell_requests_total")
    assert min((after - before).values()) > 5, "every worker took part"
    assert len(after) == WORKERS


async def sent_back_at_once(browser: httpx2.AsyncClient, app: App) -> str:
    """The address to which somebody signed in who agreed before is sent, without a page."""
    answer = await visit(browser, asks(in_flows(app), scope=app.scope))
    return str(answer.headers["location"])


async def all_refuse(node: RunningServer, app: App, found: Tokens) -> bool:
    """Whether the API of every worker says that the access token is revoked."""
    async with callers(node, app, WORKERS) as everybody:
        replies = await asyncio.gather(*(one.call_api(found.access) for one in everybody))
    assert {reply.status for reply in replies} <= {200, 401}
    return all(reply.status == 401 for reply in replies)


def claims(access_token: str) -> dict[str, Any]:
    """What an access token says."""
    part = access_token.split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


async def test_many_refreshes_of_one_token_at_all_workers_get_the_same_answer(
    node: RunningServer, browser: httpx2.AsyncClient, note: Note
) -> None:
    """RFC 9700 §4.14.2: one rotation, one row, one `jti`, one end, however often asked."""
    app = node.create_app()
    first = await connected(browser, restless(node, app))
    rows = node.count("refresh_tokens")
    before = measured(node, "flextell_tokens_issued_total")
    async with callers(node, app, REFRESHES) as everybody:
        began = monotonic()
        replies = await asyncio.gather(*(one.refresh(first.refresh) for one in everybody))
        seconds = monotonic() - began

    assert Counter(reply.status for reply in replies) == {200: REFRESHES}
    answered = [tokens(reply) for reply in replies]
    assert len({each.refresh for each in answered}) == 1
    assert len({json.dumps(claims(each.access)) for each in answered}) == 1
    assert node.count("refresh_tokens") == rows + 1
    shares = measured(node, "flextell_tokens_issued_total") - before
    assert max(shares.values()) - min(shares.values()) <= 1
    note(
        f"{REFRESHES} refreshes of one token at {WORKERS} workers in {seconds:.2f} s: "
        "1 refresh token, 1 jti, 1 row"
    )


async def test_after_a_refresh_raced_a_revocation_at_another_worker_no_token_works(
    node: RunningServer, browser: httpx2.AsyncClient, note: Note
) -> None:
    """RFC 7009 §2.1: whichever of the two came second saw the first."""
    app = node.create_app("--introspect")
    codes = [await new_code(browser, app) for _ in range(RACES)]
    refreshed, handed_out = 0, list[Tokens]()

    async def races(one: Caller, other: Caller) -> None:
        nonlocal refreshed
        while codes:
            first = tokens(await one.exchange(codes.pop()))
            both = [one.refresh(first.refresh), other.revoke(first.refresh)]
            backwards = random.random() < 0.5
            replies = await asyncio.gather(*(both[::-1] if backwards else both))
            refresh, revoke = replies[::-1] if backwards else replies
            assert revoke.status == 200
            assert refresh.status in (200, 400)
            refreshed += refresh.status == 200
            handed_out.extend([first] + ([tokens(refresh)] if refresh.status == 200 else []))

    # One after another they go to one worker after another: the two of a pair never share one.
    async with callers(node, app, 2 * RACES_AT_ONCE) as everybody:
        await asyncio.gather(*map(races, everybody[::2], everybody[1::2]))
        last = handed_out[-1]
        await seconds_until(lambda: all_refuse(node, app, last), NEWS_SECONDS)
        for caller in everybody[:WORKERS]:
            await refused_everywhere(caller, handed_out)

    assert 0 < refreshed < RACES, "the two never met"
    note(f"{RACES} races of refresh and revoke at two workers: the refresh was first {refreshed} "
         "times; no token works after any, at any worker")  # fmt: skip


async def test_a_replay_at_another_worker_ends_the_grant_at_all(
    node: RunningServer, browser: httpx2.AsyncClient
) -> None:
    """RFC 6749 §4.1.2 for codes, RFC 9700 §4.14.2 for refresh tokens."""
    app = node.create_app("--introspect")
    caller = restless(node, app)
    code = await new_code(browser, app)
    of_code = tokens(await caller.exchange(code))
    first = await connected(browser, caller)
    second = tokens(await caller.refresh(first.refresh))
    third = tokens(await caller.refresh(second.refresh))

    again = await caller.exchange(code)
    reused = await caller.refresh(first.refresh)

    assert (again.status, reused.status) == (400, 400)
    assert "All tokens of this grant are revoked" in body(reused)["error_description"]
    for ended in (of_code, third):
        await seconds_until(lambda ended=ended: all_refuse(node, app, ended), NEWS_SECONDS)  # type: ignore[misc]
    await refused_everywhere(caller, [of_code, first, second, third])


async def test_a_revocation_reaches_all_workers_within_a_second(
    node: RunningServer, browser: httpx2.AsyncClient, note: Note
) -> None:
    app = node.create_app()
    taken: list[float] = []
    async with callers(node, app, WORKERS) as everybody:
        for number in range(REVOCATIONS):
            found = await connected(browser, everybody[0])
            for one in everybody:
                assert (await one.call_api(found.access)).status == 200
            assert (await everybody[number % WORKERS].revoke(found.refresh)).status == 200
            taken.append(
                await seconds_until(lambda found=found: refused_by(everybody, found), 1)  # type: ignore[misc]
            )
    taken.sort()
    note(
        f"{REVOCATIONS} revocations, known to all {WORKERS} workers after {taken[-1]:.2f} s at "
        f"worst, {taken[len(taken) // 2]:.2f} s in the middle"
    )


async def refused_by(everybody: list[Caller], found: Tokens) -> bool:
    """Whether each of these connections hears that the token is revoked."""
    replies = await asyncio.gather(*(one.call_api(found.access) for one in everybody))
    return all(reply.status == 401 for reply in replies)


async def test_wrong_passwords_are_counted_together(
    node: RunningServer, browser: httpx2.AsyncClient
) -> None:
    node.create_person("mallory@example.com", "Mallory")
    page = await browser.get("/sign-in")

    told = list[int]()
    # The first wait is a second, which a busy machine may take to ask again; they get longer.
    while 429 not in told and len(told) < WORKERS * FREE_ATTEMPTS:
        answer = await submit(browser, page, email="mallory@example.com", password="wrong")
        told.append(answer.status_code)

    assert told[:FREE_ATTEMPTS] == [422] * FREE_ATTEMPTS
    assert told[-1] == 429, "no worker counts by itself"


async def test_a_new_key_is_known_to_all_before_it_signs_at_any(
    node: RunningServer, browser: httpx2.AsyncClient
) -> None:
    """RFC 7517 §5. Nobody else keeps the key set here: the new key waits for the workers only."""
    app = node.create_app()
    caller = restless(node, app)
    first = newest = await connected(browser, caller)
    node.command("keys", "rotate")

    async def all_publish_it() -> bool:
        sets = [(await browser.get("/.well-known/jwks.json")).json() for _ in range(WORKERS)]
        return all(len(found["keys"]) == len(sets[0]["keys"]) > 2 for found in sets)

    await seconds_until(all_publish_it, limit=6)

    for _ in range(2 * WORKERS):
        newest = tokens(await caller.refresh(newest.refresh))
        for token in (first.access, newest.access):
            assert (await caller.call_api(token)).status == 200


@dataclass
class Chain:
    """One client that refreshes again and again, whatever becomes of its connections."""

    caller: Caller
    answered: list[Tokens]
    cut: int = 0

    async def go_on(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                reply = await self.caller.refresh(self.answered[-1].refresh)
            except (OSError, EOFError):
                self.cut += 1
                continue
            self.answered.append(tokens(reply))


async def test_workers_are_killed_under_load_and_nobody_is_signed_out(
    node: RunningServer, browser: httpx2.AsyncClient, note: Note
) -> None:
    """What was answered works; what a kill swallowed is asked again with the same token."""
    app = node.create_app()
    caller = restless(node, app)
    chains = [Chain(caller, [await connected(browser, caller)]) for _ in range(CHAINS)]
    stop = asyncio.Event()
    load = [asyncio.create_task(chain.go_on(stop)) for chain in chains]

    for _ in range(KILLS):
        victim = random.choice(workers_of(node))
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        enough = sum(len(chain.answered) for chain in chains) + 10 * CHAINS
        await seconds_until(lambda enough=enough: answered_by(chains, enough), 30)  # type: ignore[misc]
    stop.set()
    await asyncio.gather(*load)

    for chain in chains:
        for each in chain.answered[1:]:
            assert (await caller.call_api(each.access)).status == 200
        assert (await caller.refresh(chain.answered[-1].refresh)).status == 200
    cut = sum(chain.cut for chain in chains)
    answers = sum(len(chain.answered) for chain in chains)
    note(f"one of {WORKERS} workers killed, {KILLS} times: {answers} refreshes answered, "
         f"{cut} cut short and asked again, nobody signed out")  # fmt: skip


async def answered_by(chains: list[Chain], enough: int) -> bool:
    """Whether so many answers have come."""
    return sum(len(chain.answered) for chain in chains) >= enough


async def test_a_signal_under_load_cuts_no_answer_of_any_worker_short(
    start: Start, fresh_postgres_database: str, note: Note
) -> None:
    own = start(database=fresh_postgres_database, workers=WORKERS)
    app = own.create_app()
    async with own.browser() as browser, callers(own, app, CHAINS) as everybody:
        chains = [(caller, await connected(browser, caller)) for caller in everybody]
        answers = asyncio.Semaphore(0)

        async def go_on(caller: Caller, newest: Tokens) -> Tokens:
            while True:
                reply = await caller.refresh(newest.refresh)
                newest = tokens(reply)
                answers.release()
                if reply.header("connection") == "close":
                    return newest

        load = [asyncio.create_task(go_on(*chain)) for chain in chains]
        for _ in range(10 * CHAINS):
            await answers.acquire()
        code, seconds = await asyncio.to_thread(own.stop)
        newest = await asyncio.gather(*load)

    assert code == ExitCode.OK
    assert seconds < 3
    note(f"SIGTERM to {WORKERS} workers under load: ended in {seconds:.2f} s, no answer cut short")
    own.start()
    async with callers(own, app, 1) as (caller,):
        for found in newest:
            assert (await caller.refresh(found.refresh)).status == 200
