"""POST /oauth/revoke: giving a token back (RFC 7009)."""

from pathlib import Path

import httpx2
import pytest
from httpx2 import AsyncClient

from flextell.app import application, build_parts, open_master_key, running
from flextell.metrics import Metrics
from flextell.settings import DAY
from flextell.store.opening import open_store
from tests.web.conftest import GATEWAY_APP, PHONE_APP, PHOTOS_APP, Someone, add_app
from tests.web.flows import App, error_of, introspect, ok, post, refresh, revoke, tokens_for
from tests.world import ALICE, PASSWORD, PHOTOS, World, running_world

pytestmark = pytest.mark.anyio

INACTIVE = {"active": False}


@pytest.mark.parametrize("app", [PHOTOS_APP, PHONE_APP], ids=["secret", "public"])
@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token", "nonsense"])
async def test_a_refresh_token_takes_its_whole_grant_with_it(
    browser: AsyncClient, alice: Someone, app: App, hint: str | None
) -> None:
    """RFC 7009 §2.1; the hint is only a hint."""
    first = await tokens_for(browser, app, alice.email, PASSWORD)
    second = ok(await refresh(browser, app, first["refresh_token"]))

    response = await revoke(browser, app, second["refresh_token"], token_type_hint=hint)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    for tokens in (first, second):
        assert await introspect(browser, GATEWAY_APP, tokens["access_token"]) == INACTIVE
        assert await introspect(browser, GATEWAY_APP, tokens["refresh_token"]) == INACTIVE


async def test_a_used_refresh_token_takes_the_grant_with_it_as_well(
    browser: AsyncClient, alice: Someone
) -> None:
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    second = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))

    await revoke(browser, PHOTOS_APP, first["refresh_token"])

    assert await introspect(browser, PHOTOS_APP, second["access_token"]) == INACTIVE


async def test_an_access_token_is_taken_back_alone(browser: AsyncClient, alice: Someone) -> None:
    """RFC 7009 §2.1: the refresh token may stay."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    response = await revoke(browser, PHOTOS_APP, first["access_token"])

    assert response.status_code == 200
    assert await introspect(browser, PHOTOS_APP, first["access_token"]) == INACTIVE
    second = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))
    assert (await introspect(browser, PHOTOS_APP, second["access_token"]))["active"]


async def test_revoking_twice_is_answered_the_same(browser: AsyncClient, alice: Someone) -> None:
    """RFC 7009 §2.2."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    for kind in ("access_token", "refresh_token"):
        one = await revoke(browser, PHOTOS_APP, first[kind])
        two = await revoke(browser, PHOTOS_APP, first[kind])

        assert (one.status_code, one.content) == (two.status_code, two.content) == (200, b"{}")


@pytest.mark.parametrize("token", ["nonsense", "flx_refresh_nonsense", "a.b.c", "é", "x" * 8192])
async def test_what_is_no_token_is_answered_the_same(browser: AsyncClient, token: str) -> None:
    """RFC 7009 §2.2: the purpose is achieved already."""
    response = await revoke(browser, PHOTOS_APP, token)

    assert (response.status_code, response.content) == (200, b"{}")


async def test_an_expired_access_token_is_answered_the_same(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    world.clock.advance(3600)

    assert (await revoke(browser, PHOTOS_APP, first["access_token"])).status_code == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_another_clients_token_stays_alive(
    world: World, browser: AsyncClient, alice: Someone, kind: str
) -> None:
    """RFC 7009 §2.1; a resource server has no right to it either."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    for stranger in (add_app(world), GATEWAY_APP):
        response = await revoke(browser, stranger, first[kind])
        assert (response.status_code, response.content) == (200, b"{}")

    assert (await introspect(browser, PHOTOS_APP, first[kind]))["active"]


async def test_a_token_whose_signature_was_changed_ends_nothing(
    browser: AsyncClient, alice: Someone
) -> None:
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    head, body, signature = first["access_token"].split(".")
    forged = f"{head}.{body}.{'A' * len(signature)}"

    assert (await revoke(browser, PHOTOS_APP, forged)).status_code == 200
    assert (await introspect(browser, PHOTOS_APP, first["access_token"]))["active"]


async def test_only_the_client_itself_may_ask(browser: AsyncClient, alice: Someone) -> None:
    """RFC 7009 §2.1."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    wrong = App(PHOTOS.client_id, "", "wrong")

    by_header = await post(browser, "/oauth/revoke", wrong, {"token": first["refresh_token"]})
    by_body = await post(browser, "/oauth/revoke", wrong, {"token": first["refresh_token"]}, "body")
    nobody = await browser.post("/oauth/revoke", data={"token": first["refresh_token"]})

    for response in (by_header, by_body, nobody):
        assert (response.status_code, error_of(response)) == (401, "invalid_client")
    assert "www-authenticate" in by_header.headers
    assert "www-authenticate" not in by_body.headers
    assert (await introspect(browser, PHOTOS_APP, first["refresh_token"]))["active"]


@pytest.mark.parametrize(
    "fields", [{}, {"token": ""}, {"token": "x" * 8193}, {"token": "a\x00"}, {"token": ["a", "b"]}]
)
async def test_a_request_without_one_good_token_is_refused(
    browser: AsyncClient, fields: dict[str, str | list[str]]
) -> None:
    response = await browser.post(
        "/oauth/revoke", data={"client_id": PHONE_APP.client_id, **fields}
    )

    assert (response.status_code, error_of(response)) == (400, "invalid_request")


async def test_a_revoked_token_stays_revoked_when_lives_are_shortened(tmp_path: Path) -> None:
    """What was issued under yesterday's settings is dead for as long as it could have lived."""
    async with running_world(tmp_path, access_token_seconds=DAY) as world:
        browser = world.browser()
        tokens = await tokens_for(browser, PHOTOS_APP, ALICE, PASSWORD)
    settings = world.parts.settings.model_copy(update={"access_token_seconds": 300})
    sources, clock = world.clock.sources(), world.clock
    store = open_store(settings)
    master_key = open_master_key(settings, sources, store)
    parts = build_parts(settings, sources, store, master_key, Metrics())
    async with running(parts):
        transport = httpx2.ASGITransport(application(parts))
        async with AsyncClient(transport=transport, base_url=settings.issuer) as client:
            await revoke(client, PHOTOS_APP, tokens["refresh_token"])
            clock.advance(301)
            parts.feed.forget(clock.now)
            store.at_once(lambda unit: unit.sweep(clock.now, 100))
            assert await introspect(client, GATEWAY_APP, tokens["access_token"]) == INACTIVE


async def test_a_retry_after_only_its_access_token_was_revoked_buys_a_living_one(
    browser: AsyncClient, alice: Someone
) -> None:
    """RFC 7009 §2.1 lets a client revoke one access token; its refresh token goes on."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    answer = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))
    await revoke(browser, PHOTOS_APP, answer["access_token"])

    again = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))

    assert again["refresh_token"] == answer["refresh_token"]
    told = await introspect(browser, PHOTOS_APP, again["access_token"])
    assert told["active"]
