"""Somebody's API behind the SDK's guard, with a server that runs: same tokens, same words."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest

from flextell.api import errors as api_errors
from flextell.oauth import bearer
from flextell.oauth.bearer import BearerRefusal
from flextell.store.port import StoreUnavailable
from flextell_sdk import guard as sdk
from flextell_sdk.guard import Guard, Refusal, Resource
from flextell_sdk.guard.asgi import GuardMiddleware, Receive, Scope, Send
from flextell_sdk.guard.authorization import MAXIMUM_TOKEN_CHARACTERS
from flextell_sdk.sources import Sources
from tests.figures import Note
from tests.together.client import Caller, body, callers, connected, seconds_until, tokens
from tests.together.conftest import Start
from tests.together.server import App, RunningServer

pytestmark = pytest.mark.anyio

# A revoked token works for a second more while there are requests; the rest is for a slow machine.
SECONDS_TO_HEAR = 5
# The guard asks for keys once in ten seconds at most; this one lives so many times as fast.
TIMES_AS_FAST = 20


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """The smallest API: it greets whoever calls."""
    caller: sdk.Caller = scope["state"]["caller"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"Hello {caller.subject}".encode()})


def resource_of(server: RunningServer) -> Resource:
    """An API that takes the tokens of this server's own API, registered so that it may ask."""
    app = server.create_app("--introspect", name="Clinic")
    return Resource(
        issuer=server.url,
        audience=f"{server.url}/api",
        client_id=app.client_id,
        client_secret=app.client_secret,
        ca_file=server.data_dir / "ca.pem",
    )


@dataclass(frozen=True, slots=True)
class Clinic:
    """The guarded API, and the guard."""

    guard: Guard
    http: httpx2.AsyncClient

    async def call(self, access_token: str) -> httpx2.Response:
        """Call it with a token."""
        return await self.http.get("/", headers={"authorization": f"Bearer {access_token}"})


@asynccontextmanager
async def clinic(server: RunningServer, sources: Sources | None = None) -> AsyncIterator[Clinic]:
    """The API, guarded, in this process."""
    with Guard(resource_of(server), sources=sources or Sources()) as guard:
        app = GuardMiddleware(hello, guard, scopes={"/": ["customers:read"]})
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://clinic.example") as it:
            yield Clinic(guard, it)


@pytest.fixture(scope="module")
def shared(server: RunningServer) -> Iterator[Guard]:
    """A guard for tests that change nothing."""
    with Guard(resource_of(server)) as guard:
        yield guard


async def test_a_token_of_the_server_opens_an_api_that_is_not_the_servers(
    server: RunningServer, photos: App
) -> None:
    async with (
        server.browser() as browser,
        callers(server, photos, 1) as (caller,),
        clinic(server) as api,
    ):
        access = (await connected(browser, caller)).access
        described = body(await caller.introspect(access))

        answer = await api.call(access)

        assert (answer.status_code, answer.text) == (200, f"Hello {described['sub']}")


@pytest.mark.parametrize("what", ["refresh", "access"])
async def test_what_is_revoked_is_refused_within_about_a_second(
    server: RunningServer, photos: App, what: str, note: Note
) -> None:
    """A refresh token stands for its whole grant, an access token for itself (RFC 7009 §2.1)."""
    async with (
        server.browser() as browser,
        callers(server, photos, 1) as (caller,),
        clinic(server) as api,
    ):
        gone, kept = await connected(browser, caller), await connected(browser, caller)
        for token in (gone.access, kept.access):
            assert (await api.call(token)).status_code == 200

        async def refused() -> bool:
            return (await api.call(gone.access)).status_code == 401

        await caller.revoke(getattr(gone, what))
        seconds = await seconds_until(refused, limit=SECONDS_TO_HEAR)

        assert "was revoked" in (await api.call(gone.access)).json()["message"]
        assert (await api.call(kept.access)).status_code == 200
    note(f"revoked by its {what} token, refused by a guarded API {seconds:.2f} s later")


async def test_a_rotated_key_is_accepted_without_a_restart(start: Start) -> None:
    """RFC 7517 §5: the guard meets a key that it does not know, and fetches the set anew."""
    server = start(jwks_cache_seconds=0)
    app = server.create_app()
    fast = Sources(monotonic=lambda: TIMES_AS_FAST * time.monotonic())
    async with (
        server.browser() as browser,
        callers(server, app, 1) as (caller,),
        clinic(server, fast) as api,
    ):
        old = newest = await connected(browser, caller)
        assert (await api.call(old.access)).status_code == 200
        server.command("keys", "rotate")

        async def accepted_with_a_new_key() -> bool:
            nonlocal newest
            newest = tokens(await caller.refresh(newest.refresh))
            is_new = newest.access.partition(".")[0] != old.access.partition(".")[0]
            return is_new and (await api.call(newest.access)).status_code == 200

        await seconds_until(accepted_with_a_new_key, limit=20)

        assert (await api.call(old.access)).status_code == 200


async def test_a_server_that_is_away_makes_the_api_wait_and_not_guess(start: Start) -> None:
    server = start()
    app = server.create_app()
    async with (
        server.browser() as browser,
        callers(server, app, 1) as (caller,),
        clinic(server) as api,
    ):
        access = (await connected(browser, caller)).access
        assert (await api.call(access)).status_code == 200
        server.kill()

        async def unavailable() -> bool:
            return (await api.call(access)).status_code == 503

        async def back() -> bool:
            return (await api.call(access)).status_code == 200

        await seconds_until(unavailable, limit=10)
        await asyncio.to_thread(server.start)
        await seconds_until(back, limit=10)


# The same words


PAIRS: list[tuple[BearerRefusal, Refusal]] = [
    (bearer.MissingToken(), sdk.MissingToken()),
    (bearer.MalformedBearer(), sdk.MalformedToken()),
    (bearer.ExpiredBearer(), sdk.ExpiredToken()),
    (bearer.RevokedBearer(), sdk.RevokedToken()),
    (bearer.InsufficientScope(["a:read"]), sdk.MissingScope(("a:read",))),
    (bearer.InsufficientScope(["a:read", "b:read"]), sdk.MissingScope(("a:read", "b:read"))),
]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [*PAIRS, (StoreUnavailable("it is away"), sdk.Unavailable())],
    ids=lambda refusal: type(refusal).__name__,
)
def test_the_sdk_says_word_for_word_what_the_api_says(
    ours: Exception, theirs: Refusal, shared: Guard
) -> None:
    expected = api_errors.answer(api_errors.api_error(ours, shared.resource.issuer))

    answer = shared.answer(theirs)

    assert (answer.status, answer.body) == (expected.status, expected.body)
    said = {(name.encode(), value.encode()) for name, value in answer.headers}
    assert {(name, unplaced(value.decode()).encode()) for name, value in expected.headers} <= said


def test_no_refusal_is_left_out() -> None:
    kinds = [type(ours) for ours, _ in PAIRS]

    assert set(BearerRefusal.__subclasses__()) == set(kinds)
    assert {type(theirs) for _, theirs in PAIRS} | {sdk.Unavailable} == set(
        Refusal.__subclasses__()
    )
    assert bearer.MAXIMUM_TOKEN_CHARACTERS == MAXIMUM_TOKEN_CHARACTERS


async def test_the_two_answer_the_same_over_the_wire(server: RunningServer, photos: App) -> None:
    """Status, body and headers, but for those that belong to a server: its date, its limits."""
    async with (
        server.browser() as browser,
        callers(server, photos, 1) as (caller,),
        clinic(server) as api,
    ):
        gone = await connected(browser, caller)
        narrow = await narrow_token(browser, caller)
        await caller.revoke(gone.access)
        for value in (
            None,
            "Basic cGhvdG9z",
            "Bearer",
            "Bearer nonsense",
            f"Bearer {gone.access[:-5]}",
            f"Bearer  {gone.access}",
            f"Bearer {gone.access}",
            f"Bearer {narrow}",
        ):
            headers = {} if value is None else {"authorization": value}
            ours = await browser.get("/api/v1/customers", headers=headers)
            theirs = await api.http.get("/", headers=headers)

            assert ours.status_code in (401, 403)
            assert told(theirs) == told(ours)


async def narrow_token(browser: httpx2.AsyncClient, caller: Caller) -> str:
    """An access token that opens less than the list of customers."""
    whole = await connected(browser, caller)
    return tokens(await caller.refresh(whole.refresh, scope="account:read")).access


def unplaced(challenge: str) -> str:
    """A challenge without the address of our API's metadata (RFC 9728): another API has none."""
    return re.sub(r', resource_metadata="[^"]*"', "", challenge)


def told(answer: httpx2.Response) -> tuple[int, bytes, dict[str, str]]:
    """What an answer says, and how."""
    names = ("content-type", "content-length", "cache-control", "x-content-type-options")
    found = {name: answer.headers[name] for name in names}
    found["www-authenticate"] = unplaced(answer.headers["www-authenticate"])
    return answer.status_code, answer.content, found


def test_a_refusal_for_a_program_without_an_event_loop_is_the_same(shared: Guard) -> None:
    with pytest.raises(sdk.MalformedToken):
        shared.check("Bearer a.b.c", "customers:read")
