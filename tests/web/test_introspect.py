"""POST /oauth/introspect: what a token is worth, for those who may know (RFC 7662)."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from flextell.store.port import Unit
from tests.web.conftest import GATEWAY_APP, PHONE_APP, PHOTOS_APP, Someone, add_app
from tests.web.flows import App, error_of, introspect, ok, post, refresh, tokens_for
from tests.world import ISSUER, PASSWORD, PHOTOS, World

pytestmark = pytest.mark.anyio

INACTIVE: dict[str, Any] = {"active": False}


@pytest.mark.parametrize("asking", [PHOTOS_APP, GATEWAY_APP], ids=["own client", "resource server"])
async def test_an_access_token_is_described_to_its_client_and_to_a_resource_server(
    world: World, browser: AsyncClient, alice: Someone, asking: App
) -> None:
    """RFC 7662 §2.2."""
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    response = await post(browser, "/oauth/introspect", asking, {"token": tokens["access_token"]})

    answer = response.json()
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert answer.pop("jti")
    assert answer == {
        "active": True,
        "scope": "account:read customers:read",
        "client_id": PHOTOS.client_id,
        "token_type": "Bearer",
        "exp": world.clock.now + 3600,
        "iat": world.clock.now,
        "sub": alice.subject,
        "aud": f"{ISSUER}/api",
        "iss": ISSUER,
    }


async def test_a_refresh_token_is_described_until_it_was_used(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    before = await introspect(browser, PHOTOS_APP, tokens["refresh_token"])
    ok(await refresh(browser, PHOTOS_APP, tokens["refresh_token"]))

    assert before == {
        "active": True,
        "scope": "account:read customers:read",
        "client_id": PHOTOS.client_id,
        "exp": world.clock.now + 30 * 24 * 3600,
        "iat": world.clock.now,
        "sub": alice.subject,
        "iss": ISSUER,
    }
    assert await introspect(browser, PHOTOS_APP, tokens["refresh_token"]) == INACTIVE


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_another_client_learns_nothing(
    world: World, browser: AsyncClient, alice: Someone, kind: str
) -> None:
    """RFC 7662 §4: not even whether there is such a token."""
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    assert await introspect(browser, add_app(world), tokens[kind]) == INACTIVE


async def test_an_expired_access_token_is_inactive(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    world.clock.advance(3599)
    last_second = await introspect(browser, PHOTOS_APP, tokens["access_token"])
    world.clock.advance(1)

    assert last_second["active"]
    assert await introspect(browser, PHOTOS_APP, tokens["access_token"]) == INACTIVE


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "flx_refresh_nonsense",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        "é",
        "....",
        "x" * 8192,
    ],
)
async def test_what_is_no_token_is_inactive(browser: AsyncClient, token: str) -> None:
    """RFC 7662 §2.2: not an error."""
    assert await introspect(browser, PHOTOS_APP, token) == INACTIVE


async def test_a_changed_token_is_inactive(browser: AsyncClient, alice: Someone) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    head, body, signature = tokens["access_token"].split(".")

    for forged in (
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        f"{head}.{body}x.{signature}",
        f"{head}.{body}.{signature}=",
        f" {tokens['access_token']}",
    ):
        assert await introspect(browser, PHOTOS_APP, forged) == INACTIVE


async def test_an_id_token_is_no_access_token(browser: AsyncClient, alice: Someone) -> None:
    """RFC 9068 §2.1: the type tells them apart."""
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD, scope="openid")

    assert await introspect(browser, PHOTOS_APP, tokens["id_token"]) == INACTIVE


async def test_a_public_client_may_not_ask(browser: AsyncClient, alice: Someone) -> None:
    """RFC 7662 §2.1."""
    tokens = await tokens_for(browser, PHONE_APP, alice.email, PASSWORD)

    response = await post(
        browser, "/oauth/introspect", PHONE_APP, {"token": tokens["access_token"]}
    )

    assert (response.status_code, error_of(response)) == (401, "invalid_client")
    assert "www-authenticate" not in response.headers


async def test_nobody_asks_without_proof(browser: AsyncClient) -> None:
    """RFC 7662 §2.3."""
    wrong = await post(
        browser, "/oauth/introspect", App(PHOTOS.client_id, "", "wrong"), {"token": "x"}
    )
    nobody = await browser.post("/oauth/introspect", data={"token": "x"})

    for response in (wrong, nobody):
        assert (response.status_code, error_of(response)) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic ")
    assert "www-authenticate" not in nobody.headers


@pytest.mark.parametrize(
    "fields", [{"made_up": "x"}, {"token": ""}, {"token": "x" * 8193}, {"token": "\x00"}]
)
async def test_a_request_without_a_good_token_is_refused(
    browser: AsyncClient, fields: dict[str, str | None]
) -> None:
    response = await post(browser, "/oauth/introspect", PHOTOS_APP, fields)

    assert (response.status_code, error_of(response)) == (400, "invalid_request")


async def test_what_was_revoked_by_another_node_is_inactive_once_the_news_is_read(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    assert (await introspect(browser, PHOTOS_APP, tokens["access_token"]))["active"]
    now = world.clock.now

    def elsewhere(unit: Unit) -> None:
        [grant] = unit.grants.living(subject=alice.subject)
        unit.grants.end(grant.grant_id, "revoked_by_person", now, now + 3600)

    await world.parts.store.write(elsewhere)
    await world.parts.feed.catch_up()

    assert await introspect(browser, PHOTOS_APP, tokens["access_token"]) == INACTIVE
