"""A node cut off from its database: a prompt 503 everywhere, and back to work by itself."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from flextell.exits import ExitCode
from tests.figures import Note
from tests.postgres import PostgresServer, fresh_database, own_server
from tests.together.client import Caller, Tokens, callers, connected, in_flows, seconds_until
from tests.together.client import tokens as tokens_in
from tests.together.server import ALICE, PASSWORD, RunningServer
from tests.web.flows import asks, basic, follow, is_sign_in, submit, visit

pytestmark = pytest.mark.anyio

# How long a request may wait for the database (a setting), and for how long we are patient.
WAIT_SECONDS = 2
PATIENCE_SECONDS = WAIT_SECONDS + 3

# How the database goes away, and how it comes back.
FAULTS = {
    "stopped": (PostgresServer.stop, PostgresServer.start),
    "silent": (PostgresServer.freeze, PostgresServer.thaw),
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A database server that tests may stop and start again."""
    with own_server() as server:
        yield server


@pytest.fixture(scope="module")
def node(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server on that database that knows Alice."""
    with fresh_database(postgres.url) as database:
        own = RunningServer(
            tmp_path_factory.mktemp("cut-off") / "data",
            database=database,
            database_wait_seconds=WAIT_SECONDS,
            management_port=0,
        )
        own.command("migrate")
        own.create_person()
        try:
            yield own.start()
            assert own.stop()[0] == ExitCode.OK
        finally:
            own.kill()


def managed(node: RunningServer, path: str) -> tuple[int, Any]:
    """What the management port tells: status and JSON."""
    try:
        with urllib.request.urlopen(node.ready["management"] + path, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


@dataclass(frozen=True, slots=True)
class Connected:
    """Alice's browser with a session, and Photos with tokens of hers."""

    browser: AsyncClient
    stranger: AsyncClient
    sign_in_page: Response
    caller: Caller
    tokens: Tokens


@pytest.fixture
async def alice(node: RunningServer) -> AsyncIterator[Connected]:
    """Alice, who uses Photos, and somebody who was about to sign in."""
    async with AsyncExitStack() as stack:
        browser, stranger = [await stack.enter_async_context(node.browser()) for _ in range(2)]
        app = node.create_app("--introspect")
        (caller,) = await stack.enter_async_context(callers(node, app, 1))
        page = await visit(stranger, asks(in_flows(app)))
        assert is_sign_in(page)
        tokens = await connected(browser, caller)
        yield Connected(browser, stranger, page, caller, tokens)


def asked_of_everything(alice: Connected) -> dict[str, Callable[[], Any]]:
    """A request to each endpoint that needs the database."""
    app, token = in_flows(alice.caller.app), alice.tokens.access
    headers = basic(app.client_id, app.secret or "")
    bearer = {"authorization": f"Bearer {token}"}

    def post(path: str, **form: str) -> Callable[[], Any]:
        return lambda: alice.browser.post(path, data=form, headers=headers)

    return {
        "/oauth/token": post("/oauth/token", grant_type="refresh_token", refresh_token="unknown"),
        "/oauth/introspect": post("/oauth/introspect", token=token),
        "/oauth/revoke": post("/oauth/revoke", token="flxr_unknown"),
        "/api": lambda: alice.browser.get("/api", headers=bearer),
        "/api/v1/customers": lambda: alice.browser.get("/api/v1/customers", headers=bearer),
        "/oauth/authorize": lambda: alice.browser.get("/oauth/authorize", params=asks(app)),
        "/sign-in": lambda: alice.stranger.get(alice.sign_in_page.url),
        "/sign-in POST": lambda: submit(
            alice.stranger, alice.sign_in_page, email=ALICE, password=PASSWORD
        ),
        "/consent": lambda: alice.browser.get("/consent", params=asks(app)),
        "/": lambda: alice.browser.get("/"),
    }


PAGES = ("/oauth/authorize", "/sign-in", "/sign-in POST", "/consent", "/")
WITHOUT = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/static/flextell.css",
)


@pytest.mark.parametrize("fault", FAULTS)
async def test_everything_that_needs_the_database_says_503_and_recovers_by_itself(
    node: RunningServer, postgres: PostgresServer, alice: Connected, fault: str, note: Note
) -> None:
    """RFC 9110 §15.6.4. A person gets a page, a machine JSON; both hear when to come back."""
    go_away, come_back = FAULTS[fault]
    asked = asked_of_everything(alice)
    go_away(postgres)
    try:
        # The first to come may have to wait, and so hear for the others.
        first = await timed(asked["/oauth/token"])
        not_ready = await seconds_until(lambda: is_ready(node, False), PATIENCE_SECONDS)
        told = {name: await timed(ask) for name, ask in asked.items()}
        others = [await alice.browser.get(path) for path in WITHOUT]
        health = managed(node, "/health/ready")
        alive = managed(node, "/health/live")
    finally:
        come_back(postgres)

    assert (first.status, first.retry_after) == (503, 1)
    assert first.seconds < PATIENCE_SECONDS
    assert {name: one.status for name, one in told.items()} == dict.fromkeys(asked, 503)
    assert all(one.retry_after in (1, 2) for one in told.values())
    slowest = max(one.seconds for one in told.values())
    assert slowest < PATIENCE_SECONDS
    assert {name for name, one in told.items() if one.is_page} == set(PAGES)
    assert [answer.status_code for answer in others] == [200, 200, 200]
    assert health[0] == 503
    assert "store" in health[1]["failed"]
    assert alive == (200, {"status": "ok"})
    back = await seconds_until(lambda: refreshes(alice), PATIENCE_SECONDS)
    ready = await seconds_until(lambda: is_ready(node, True), PATIENCE_SECONDS)
    again = {name: (await ask()).status_code for name, ask in asked.items()}
    assert 503 not in again.values(), again
    await follow(alice.stranger, await asked["/sign-in POST"]())
    note(
        f"PostgreSQL {fault}: the first 503 after {first.seconds:.2f} s, all others within "
        f"{slowest:.2f} s; not ready after {not_ready:.2f} s; refreshes again {back:.2f} s and "
        f"ready {ready:.2f} s after it came back"
    )


@dataclass(frozen=True, slots=True)
class Told:
    """An answer, and how long it took."""

    status: int
    retry_after: int
    is_page: bool
    seconds: float


async def timed(ask: Callable[[], Any]) -> Told:
    """Ask, and look at the clock."""
    began = monotonic()
    answer: Response = await ask()
    return Told(
        answer.status_code,
        int(answer.headers.get("retry-after", 0)),
        answer.headers.get("content-type", "").startswith("text/html"),
        monotonic() - began,
    )


async def is_ready(node: RunningServer, wanted: bool) -> bool:
    """Whether the node says that it is ready, or that it is not, as wanted."""
    status, _ = await asyncio.to_thread(managed, node, "/health/ready")
    return (status == 200) is wanted


async def refreshes(alice: Connected) -> bool:
    """Whether the token that Photos had before buys another."""
    reply = await alice.caller.refresh(alice.tokens.refresh)
    if reply.status == 503:
        return False
    tokens_in(reply)
    return True


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_storm_of_requests_while_it_is_away_keeps_nobody_waiting(
    node: RunningServer, postgres: PostgresServer, alice: Connected, fault: str, note: Note
) -> None:
    """More than there are connections to the database: no queue of the hopeless is built."""
    go_away, come_back = FAULTS[fault]
    go_away(postgres)
    try:
        await timed(asked_of_everything(alice)["/oauth/token"])
        async with callers(node, alice.caller.app, 64) as everybody:
            began = monotonic()
            replies = await asyncio.gather(
                *(caller.refresh("an-unknown-token") for caller in everybody)
            )
            seconds = monotonic() - began
    finally:
        come_back(postgres)

    assert {reply.status for reply in replies} == {503}
    assert seconds < PATIENCE_SECONDS
    await seconds_until(lambda: is_ready(node, True), PATIENCE_SECONDS)
    note(f"PostgreSQL {fault}: 64 refreshes at once told so within {seconds:.2f} s")


async def test_a_node_that_is_cut_off_still_ends_when_it_is_told_to(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with fresh_database(postgres.url) as database:
        own = RunningServer(
            tmp_path_factory.mktemp("stuck") / "data",
            database=database,
            database_wait_seconds=WAIT_SECONDS,
        )
        own.command("migrate")
        own.start()
        app = own.create_app()
        async with callers(own, app, 1) as (caller,):
            postgres.freeze()
            try:
                stuck = asyncio.create_task(caller.refresh("an-unknown-token"))
                code, seconds = await asyncio.to_thread(own.stop)
            finally:
                postgres.thaw()
            reply = await stuck

    assert code == ExitCode.OK
    assert seconds < 3 * WAIT_SECONDS + 2
    assert reply.status == 503
