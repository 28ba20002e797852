"""POST /oauth/revocations: what was revoked, for resource servers (docs/decisions/0012)."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient
from joserfc import jws

from flextell.oauth import revocation_feed
from flextell.store.port import Unit
from tests.web.conftest import (
    GATEWAY_APP,
    PHONE_APP,
    PHOTOS_APP,
    Browsers,
    OwnWorld,
    Someone,
    add_app,
)
from tests.web.flows import App, error_of, introspect, ok, post, revoke, tokens_for
from tests.world import GATEWAY, PASSWORD, World

pytestmark = pytest.mark.anyio

FEED = "/oauth/revocations"


async def news(browser: AsyncClient, since: int = 0) -> dict[str, Any]:
    """What the Gateway reads."""
    return ok(await post(browser, FEED, GATEWAY_APP, {"since": str(since)}))


def names(answer: dict[str, Any]) -> list[str]:
    """What is over, in the order in which it became so."""
    return [item["name"] for item in answer["revocations"]]


def jti_of(access_token: str) -> str:
    """The name that a token calls itself by."""
    claims: dict[str, str] = json.loads(jws.extract_compact(access_token.encode()).payload)
    return claims["jti"]


async def test_a_revoked_refresh_token_ends_the_part_of_the_jti_that_names_the_grant(
    browser: AsyncClient, alice: Someone
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    before = await news(browser)

    await revoke(browser, PHOTOS_APP, tokens["refresh_token"])

    assert names(await news(browser, before["sequence"])) == [
        jti_of(tokens["access_token"]).partition(".")[0]
    ]


async def test_a_revoked_access_token_ends_by_its_whole_jti_and_is_forgotten_when_it_expires(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    described = await introspect(browser, PHOTOS_APP, tokens["access_token"])
    before = await news(browser)

    await revoke(browser, PHOTOS_APP, tokens["access_token"])
    after = await news(browser, before["sequence"])
    world.clock.advance(3600)
    later = await news(browser, before["sequence"])

    assert after["revocations"] == [{"name": described["jti"], "expires_at": described["exp"]}]
    assert after["sequence"] > before["sequence"]
    assert later["revocations"] == []
    assert later["sequence"] in (after["sequence"], before["sequence"])


async def test_an_answer_is_kept_by_nobody(browser: AsyncClient) -> None:
    response = await post(browser, FEED, GATEWAY_APP, {"since": "0"})

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"revocations", "sequence", "has_more"}


async def test_many_are_told_in_parts_and_none_is_left_out(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    count = 2 * revocation_feed.MOST + 1
    async with own_world() as world:
        browser, now = new_browser(world), world.clock.now

        def end_many(unit: Unit) -> None:
            for number in range(count):
                unit.revocations.add(f"grant-{number}", now + 3600, now)

        await world.parts.store.write(end_many)
        answers = [await news(browser)]
        while answers[-1]["has_more"]:
            answers.append(await news(browser, answers[-1]["sequence"]))

        assert [len(answer["revocations"]) for answer in answers] == [1000, 1000, 1]
        assert [n for answer in answers for n in names(answer)] == [
            f"grant-{number}" for number in range(count)
        ]


async def test_a_client_that_is_no_resource_server_is_refused(
    world: World, browser: AsyncClient
) -> None:
    """RFC 6749 §5.2: what other clients' people took back is none of its business."""
    for app in (PHOTOS_APP, add_app(world)):
        response = await post(browser, FEED, app, {"since": "0"})

        assert (response.status_code, error_of(response)) == (400, "unauthorized_client")


async def test_nobody_reads_without_proof(browser: AsyncClient) -> None:
    """RFC 7662 §2.1, §2.3: the same as for introspection."""
    wrong = await post(browser, FEED, App(GATEWAY.client_id, "", "wrong"), {"since": "0"})
    public = await post(browser, FEED, PHONE_APP, {})
    nobody = await browser.post(FEED, data={"since": "0"})

    for response in (wrong, public, nobody):
        assert (response.status_code, error_of(response)) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("since", ["-1", "x", "9" * 19])
async def test_a_number_that_is_none_is_refused(browser: AsyncClient, since: str) -> None:
    response = await post(browser, FEED, GATEWAY_APP, {"since": since})

    assert (response.status_code, error_of(response)) == (400, "invalid_request")
