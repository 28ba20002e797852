"""POST /oauth/token, grant_type=refresh_token: the wire of rotation (RFC 6749 §6, RFC 9700 §4.14).

The rule itself is a table with tests of its own; here is what a client sees of it.
"""

import asyncio

import pytest
from httpx2 import AsyncClient, Response
from joserfc import jws
from joserfc.jwk import KeySet

from tests.web.conftest import (
    GATEWAY_APP,
    PHONE_APP,
    PHOTOS_APP,
    Browsers,
    OwnWorld,
    Someone,
    add_app,
)
from tests.web.flows import (
    App,
    error_of,
    introspect,
    ok,
    post,
    refresh,
    revoke,
    tokens_for,
)
from tests.world import ALICE, PASSWORD, World

pytestmark = pytest.mark.anyio

BOTH_KINDS = pytest.mark.parametrize("app", [PHOTOS_APP, PHONE_APP], ids=["secret", "public"])


def refused(response: Response) -> tuple[int, str]:
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, error_of(response)


async def is_over(browser: AsyncClient, *tokens: str) -> bool:
    """Whether introspection calls every one of these tokens inactive."""
    answers = [await introspect(browser, PHOTOS_APP, token) for token in tokens]
    return all(answer == {"active": False} for answer in answers)


@BOTH_KINDS
async def test_every_refresh_brings_a_new_pair(
    world: World, browser: AsyncClient, alice: Someone, app: App
) -> None:
    first = await tokens_for(browser, app, alice.email, PASSWORD)
    world.clock.advance(10)

    response = await refresh(browser, app, first["refresh_token"])

    second = ok(response)
    assert list(second) == ["access_token", "token_type", "expires_in", "refresh_token", "scope"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert (second["token_type"], second["expires_in"]) == ("Bearer", 3600)
    assert second["scope"] == first["scope"]
    assert response.headers["cache-control"] == "no-store"


async def test_an_id_token_is_given_once_and_not_again(
    browser: AsyncClient, alice: Someone
) -> None:
    """OpenID Connect Core §12.2: it might not contain one."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD, scope="openid")

    second = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))

    assert "id_token" in first
    assert "id_token" not in second


@BOTH_KINDS
async def test_concurrent_refreshes_of_one_token_get_one_answer(
    world: World, browser: AsyncClient, alice: Someone, app: App
) -> None:
    """Two tabs, a retry, a lost answer: nobody is signed out."""
    first = await tokens_for(browser, app, alice.email, PASSWORD)

    responses = await asyncio.gather(
        *(refresh(browser, app, first["refresh_token"]) for _ in range(50))
    )

    answers = [ok(response) for response in responses]
    keys = KeySet.import_key_set((await browser.get("/.well-known/jwks.json")).json())
    said = {
        jws.deserialize_compact(answer["access_token"], keys, algorithms=["ES256"]).payload
        for answer in answers
    }
    assert len({answer["refresh_token"] for answer in answers}) == 1
    assert len(said) == 1


@BOTH_KINDS
async def test_a_retry_within_a_minute_gets_the_same_pair_with_its_remaining_life(
    world: World, browser: AsyncClient, alice: Someone, app: App
) -> None:
    first = await tokens_for(browser, app, alice.email, PASSWORD)
    lost = ok(await refresh(browser, app, first["refresh_token"]))
    world.clock.advance(60)

    again = ok(await refresh(browser, app, first["refresh_token"]))

    assert again["refresh_token"] == lost["refresh_token"]
    assert again["expires_in"] == 3540


@pytest.mark.parametrize(("app", "status"), [(PHOTOS_APP, 200), (PHONE_APP, 400)])
async def test_after_an_hour_without_an_answer_only_a_client_that_proves_itself_comes_back(
    world: World, browser: AsyncClient, alice: Someone, app: App, status: int
) -> None:
    first = await tokens_for(browser, app, alice.email, PASSWORD)
    await refresh(browser, app, first["refresh_token"])
    world.clock.advance(3601)

    response = await refresh(browser, app, first["refresh_token"])

    assert response.status_code == status
    if status == 200:
        assert response.json()["expires_in"] == 3600


async def test_after_a_day_nobody_comes_back(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    await refresh(browser, PHOTOS_APP, first["refresh_token"])
    world.clock.advance(24 * 3600 + 1)

    response = await refresh(browser, PHOTOS_APP, first["refresh_token"])

    assert refused(response) == (400, "invalid_grant")


@BOTH_KINDS
async def test_reuse_ends_the_grant_with_all_its_tokens(
    browser: AsyncClient, alice: Someone, app: App, world: World
) -> None:
    """RFC 9700 §4.14.2."""
    first = await tokens_for(browser, app, alice.email, PASSWORD)
    second = ok(await refresh(browser, app, first["refresh_token"]))
    third = ok(await refresh(browser, app, second["refresh_token"]))

    stolen = await refresh(browser, app, first["refresh_token"])

    assert refused(stolen) == (400, "invalid_grant")
    for tokens in (first, second, third):
        for kind in ("access_token", "refresh_token"):
            assert await introspect(browser, GATEWAY_APP, tokens[kind]) == {"active": False}
    after = await refresh(browser, app, third["refresh_token"])
    assert refused(after) == (400, "invalid_grant")


async def test_an_access_token_seen_by_introspection_closes_the_retry_after_a_minute(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """Receipt is proven: whoever presents the old token now is not the one who got the answer."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    second = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))
    assert (await introspect(browser, PHOTOS_APP, second["access_token"]))["active"]

    within = await refresh(browser, PHOTOS_APP, first["refresh_token"])
    world.clock.advance(61)
    later = await refresh(browser, PHOTOS_APP, first["refresh_token"])

    assert ok(within)["refresh_token"] == second["refresh_token"]
    assert refused(later) == (400, "invalid_grant")
    assert await is_over(browser, second["access_token"], second["refresh_token"])


async def test_an_access_token_of_the_code_exchange_proves_nothing_about_a_refresh(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    lost = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))
    await introspect(browser, PHOTOS_APP, first["access_token"])
    world.clock.advance(61)

    again = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))

    assert again["refresh_token"] == lost["refresh_token"]


async def test_a_stranger_who_introspects_a_token_of_another_client_closes_nothing(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    stranger = add_app(world)
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    second = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))
    assert await introspect(browser, stranger, second["access_token"]) == {"active": False}
    world.clock.advance(61)

    ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))


async def test_scope_may_be_narrowed_for_one_access_token_and_is_whole_the_next_time(
    browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §6."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    second = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"], scope="customers:read"))
    seen = await introspect(browser, PHOTOS_APP, second["access_token"])
    third = ok(await refresh(browser, PHOTOS_APP, second["refresh_token"]))

    assert second["scope"] == seen["scope"] == "customers:read"
    assert third["scope"] == "account:read customers:read"


@pytest.mark.parametrize(
    "scope", ["customers:write", "customers:read tags:read", "openid", "nonsense", "a  b"]
)
async def test_scope_is_never_widened_and_asking_for_it_costs_nothing(
    browser: AsyncClient, alice: Someone, scope: str
) -> None:
    """RFC 6749 §6; also for a scope that the client is registered for but was not granted."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    response = await refresh(browser, PHOTOS_APP, first["refresh_token"], scope=scope)

    assert refused(response) == (400, "invalid_scope")
    ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))


async def test_a_retry_with_another_scope_gets_an_access_token_of_its_own_and_the_same_refresh(
    browser: AsyncClient, alice: Someone
) -> None:
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    whole = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))

    part = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"], scope="account:read"))

    assert part["refresh_token"] == whole["refresh_token"]
    assert part["scope"] == "account:read"
    one = await introspect(browser, PHOTOS_APP, whole["access_token"])
    other = await introspect(browser, PHOTOS_APP, part["access_token"])
    assert one["jti"] != other["jti"]


async def test_a_redirect_uri_sent_along_is_tolerated(browser: AsyncClient, alice: Someone) -> None:
    """Wire §d A5: a real client sends redirect_uri and scope with every refresh."""
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    ok(
        await refresh(
            browser,
            PHOTOS_APP,
            first["refresh_token"],
            redirect_uri="whatever://it-is",
            scope=first["scope"],
        )
    )


async def test_a_refresh_token_belongs_to_its_client(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §6; and the other client cannot end the grant by trying."""
    other = add_app(world)
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    response = await refresh(browser, other, first["refresh_token"])

    assert refused(response) == (400, "invalid_grant")
    ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))


async def test_a_refresh_token_expires_after_a_month_without_use(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world() as world:
        browser = new_browser(world)
        first = await tokens_for(browser, PHOTOS_APP, ALICE, PASSWORD)
        world.clock.advance(30 * 24 * 3600 - 1)
        second = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))
        world.clock.advance(30 * 24 * 3600)

        response = await refresh(browser, PHOTOS_APP, second["refresh_token"])

        assert refused(response) == (400, "invalid_grant")
        assert "expired" in response.json()["message"]


async def test_a_revoked_grant_buys_nothing(browser: AsyncClient, alice: Someone) -> None:
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    await revoke(browser, PHOTOS_APP, first["refresh_token"])

    response = await refresh(browser, PHOTOS_APP, first["refresh_token"])

    assert refused(response) == (400, "invalid_grant")
    assert "revoked" in response.json()["message"]


async def test_refresh_racing_revoke_leaves_no_token_that_works(
    browser: AsyncClient, alice: Someone
) -> None:
    for _ in range(10):
        first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

        raced, _answer = await asyncio.gather(
            refresh(browser, PHOTOS_APP, first["refresh_token"]),
            revoke(browser, PHOTOS_APP, first["refresh_token"]),
        )

        handed_out = [first["access_token"], first["refresh_token"]]
        if raced.status_code == 200:
            handed_out += [raced.json()["access_token"], raced.json()["refresh_token"]]
        assert await is_over(browser, *handed_out)


@pytest.mark.parametrize(
    ("token", "error"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        ("echo-me", "invalid_grant"),
        ("flx_refresh_echo-me", "invalid_grant"),
        ("é", "invalid_grant"),
        ("x" * 513, "invalid_request"),
        ("a\x00b", "invalid_request"),
    ],
)
async def test_what_is_no_refresh_token_is_refused_and_not_repeated(
    browser: AsyncClient, token: str | None, error: str
) -> None:
    response = await post(
        browser,
        "/oauth/token",
        PHOTOS_APP,
        {"grant_type": "refresh_token", "refresh_token": token},
    )

    assert refused(response) == (400, error)
    assert "echo-me" not in response.text


async def test_an_access_token_or_a_code_is_no_refresh_token(
    browser: AsyncClient, alice: Someone
) -> None:
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    response = await refresh(browser, PHOTOS_APP, first["access_token"])

    assert refused(response)[0] == 400
    assert (await introspect(browser, PHOTOS_APP, first["access_token"]))["active"]
