"""The grant's token on anybody's own httpx2 client, in threads and in tasks."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import httpx2
import pytest

from flextell_sdk.auth import GrantAuth
from flextell_sdk.errors import NotForThere, SignInAgain
from flextell_sdk.grant import Grant
from sdk.tests.fake_server import ABOUT, ISSUER, TENANTS, TOKEN, Seen
from sdk.tests.faults import says
from sdk.tests.world import DEAD, World

pytestmark = pytest.mark.anyio

NOTES = f"{ISSUER}/api/v1/notes"


class Ask(Protocol):
    """A request through a client of the given kind."""

    async def __call__(
        self, grant: Grant, method: str, url: str, *, chunks: list[bytes] | None = None, **how: Any
    ) -> httpx2.Response: ...


@pytest.fixture(params=["threads", "tasks"])
def ask(request: pytest.FixtureRequest, world: World) -> Ask:
    """Each test runs with both kinds of client."""

    async def in_threads(
        grant: Grant, method: str, url: str, *, chunks: list[bytes] | None = None, **how: Any
    ) -> httpx2.Response:
        if chunks is not None:
            how["content"] = iter(chunks)
        auth, transport = GrantAuth(grant), world.server.transport
        with httpx2.Client(auth=auth, transport=transport, follow_redirects=True) as client:
            return client.request(method, url, **how)

    async def in_tasks(
        grant: Grant, method: str, url: str, *, chunks: list[bytes] | None = None, **how: Any
    ) -> httpx2.Response:
        if chunks is not None:
            how["content"] = one_by_one(chunks)
        auth, transport = GrantAuth(grant), world.server.async_transport
        async with httpx2.AsyncClient(
            auth=auth, transport=transport, follow_redirects=True
        ) as client:
            return await client.request(method, url, **how)

    return in_threads if request.param == "threads" else in_tasks


async def one_by_one(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def bearers(seen: list[Seen]) -> Iterator[str]:
    return (each.bearer for each in seen)


async def test_a_request_carries_the_token(world: World, ask: Ask) -> None:
    """RFC 6750 §2.1."""
    response = await ask(world.alice(), "GET", ISSUER + TENANTS)

    assert response.json()["data"][0]["name"] == "Bright Clinic"
    assert list(bearers(world.server.seen)) == ["access-token-0"]


async def test_dead_tokens_are_refreshed_before_they_are_sent(world: World, ask: Ask) -> None:
    alice = world.alice()
    world.clock.move(DEAD)

    assert (await ask(alice, "GET", ISSUER + ABOUT)).is_success
    assert list(bearers(world.server.at(ABOUT))) == ["access-token-1"]


async def test_a_rejected_token_is_replaced_and_the_request_made_again(
    world: World, ask: Ask
) -> None:
    alice = world.alice()
    world.server.revoke_access()
    response = await ask(alice, "POST", NOTES, json={"text": "hello"})

    assert response.json()["data"]["said"] == {"text": "hello"}
    assert [seen.body for seen in world.server.at("/api/v1/notes")] == [b'{"text":"hello"}'] * 2
    assert world.server.times(TOKEN) == 1


async def test_a_body_that_comes_in_a_stream_is_sent_once_and_the_next_request_succeeds(
    world: World, ask: Ask
) -> None:
    alice = world.alice()
    world.server.revoke_access()
    first = await ask(alice, "POST", NOTES, chunks=[b'{"text": ', b'"hello"}'])
    at_first = world.server.times("/api/v1/notes")
    world.settle()
    second = await ask(alice, "POST", NOTES, chunks=[b'{"text": ', b'"hello"}'])

    assert (first.status_code, at_first) == (401, 1)
    assert second.json()["data"]["said"] == {"text": "hello"}
    assert world.server.times(TOKEN) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api",
        "https://evil.auth.example/api",
        "https://auth.example.evil.example/api",
        "https://auth.example@evil.example/api",
        "https://auth.example:8443/api",
        "http://auth.example/api",
        "http://auth.example:443/api",
    ],
)
async def test_no_token_goes_anywhere_else(world: World, ask: Ask, url: str) -> None:
    """RFC 6750 §5.3: a client MUST make sure that tokens go to the right party alone."""
    with pytest.raises(NotForThere):
        await ask(world.alice(), "GET", url)

    assert world.server.seen == []


@pytest.mark.parametrize("url", ["https://auth.example:443/api", "HTTPS://AUTH.EXAMPLE/api"])
async def test_the_same_place_may_be_spelled_in_other_ways(
    world: World, ask: Ask, url: str
) -> None:
    """RFC 3986 §6.2."""
    assert (await ask(world.alice(), "GET", url)).is_success


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/x", "http://auth.example/x", "https://auth.example:8443/x"],
)
async def test_a_redirect_takes_the_token_nowhere_else(
    world: World, ask: Ask, elsewhere: str
) -> None:
    world.server.instead(ABOUT, says(302, location=elsewhere))
    world.server.instead("/x", says(200))
    await ask(world.alice(), "GET", ISSUER + ABOUT)

    assert [seen.path for seen in world.server.seen] == [ABOUT, "/x"]
    assert "authorization" not in world.server.seen[-1].headers


async def test_a_redirect_within_the_api_takes_it_along(world: World, ask: Ask) -> None:
    world.server.instead(ABOUT, says(307, location=TENANTS))
    response = await ask(world.alice(), "GET", ISSUER + ABOUT)

    assert response.json()["data"][0]["name"] == "Bright Clinic"
    assert list(bearers(world.server.seen)) == ["access-token-0"] * 2


async def test_whoever_must_sign_in_again_sends_nothing(world: World, ask: Ask) -> None:
    with pytest.raises(SignInAgain):
        await ask(world.photos.open("bob"), "GET", ISSUER + ABOUT)

    assert world.server.seen == []
