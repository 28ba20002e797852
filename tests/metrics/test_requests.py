"""What a node counts while apps and people use it."""

import asyncio

import pytest
from httpx2 import AsyncClient

from flextell.web.endpoints.token import GRANT_TYPES
from tests.metrics.measured import Measured, series
from tests.web.conftest import PHOTOS_APP, Browsers, OwnWorld, Someone
from tests.web.flows import asks, code_for, connect, exchange, refresh, revoke, submit, tokens_for
from tests.world import ALICE, PASSWORD, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def measured(world: World) -> Measured:
    """By how much the world's numbers grow in this test."""
    return Measured(world.parts.metrics)


async def test_a_flow_is_counted_by_endpoint_and_by_grant_type(
    browser: AsyncClient, alice: Someone, measured: Measured
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    await refresh(browser, PHOTOS_APP, tokens["refresh_token"])

    issued = "flextell_tokens_issued_total"
    assert {kind: measured(issued, grant_type=kind) for kind in GRANT_TYPES} == {
        "authorization_code": 1,
        "refresh_token": 1,
    }
    token = {"endpoint": "/oauth/token"}
    assert measured("flextell_requests_total", **token, status="2xx") == 2
    assert measured("flextell_request_duration_seconds_count", **token) == 2
    assert 0 < measured("flextell_request_duration_seconds_sum", **token) < 60
    assert measured("flextell_requests_total", endpoint="/sign-in", status="3xx") == 1
    assert measured("flextell_sign_ins_total", outcome="succeeded") == 1


async def test_refusals_are_counted_by_their_code_wherever_they_are_told(
    world: World, browser: AsyncClient, alice: Someone, measured: Measured
) -> None:
    await refresh(browser, PHOTOS_APP, "an-unknown-token")
    await connect(browser, asks(PHOTOS_APP, scope="no-such-scope"), alice.email, PASSWORD)
    await browser.get("/api/v1/customers")
    await browser.put("/oauth/token")

    for code in ("invalid_grant", "invalid_scope", "unauthorized", "method_not_allowed"):
        assert measured("flextell_refusals_total", error=code) == 1, code


async def test_a_replay_that_ended_a_grant_is_counted(
    world: World, browser: AsyncClient, alice: Someone, measured: Measured
) -> None:
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    await exchange(browser, PHOTOS_APP, code)
    await exchange(browser, PHOTOS_APP, code)
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    second = (await refresh(browser, PHOTOS_APP, first["refresh_token"])).json()
    await refresh(browser, PHOTOS_APP, second["refresh_token"])
    await refresh(browser, PHOTOS_APP, first["refresh_token"])

    assert measured("flextell_replays_total", reason="code_replayed") == 1
    assert measured("flextell_replays_total", reason="refresh_token_reused") == 1


async def test_every_end_of_a_try_to_sign_in_is_counted(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world(
        password_hash_workers=1, password_hash_queue=1, sign_in_free_attempts=1
    ) as world:
        measured, browser = Measured(world.parts.metrics), new_browser(world)
        page = await browser.get("/sign-in")
        await submit(browser, page, email=ALICE, password="wrong")
        await submit(browser, page, email=ALICE, password=PASSWORD)
        elsewhere = new_browser(world, "198.51.100.7")
        page = await elsewhere.get("/sign-in")
        await asyncio.gather(
            *(submit(elsewhere, page, email=ALICE, password=PASSWORD) for _ in range(10))
        )

        told = {
            outcome: measured("flextell_sign_ins_total", outcome=outcome)
            for outcome in ("succeeded", "failed", "throttled", "turned_away")
        }

    assert told == {"succeeded": 2, "failed": 1, "throttled": 1, "turned_away": 8}


async def test_the_same_token_is_verified_once_and_remembered_after_that(
    browser: AsyncClient, alice: Someone, measured: Measured
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    for token in (tokens["access_token"],) * 3 + ("garbage",):
        await browser.get("/api", headers={"authorization": f"Bearer {token}"})

    verifications = "flextell_token_verifications_total"
    assert measured(verifications, outcome="verified") == 1
    assert measured(verifications, outcome="remembered") == 2
    assert measured(verifications, outcome="refused") == 1


async def test_numbers_in_a_path_do_not_make_lines_of_their_own(
    browser: AsyncClient, measured: Measured
) -> None:
    for path in ("/api/v1/customers/1", "/api/v1/customers/22", "/api/v0.0.1/customers/333"):
        await browser.get(path)

    customer = {"endpoint": "/api/v1/customers/{id}", "status": "4xx"}
    assert measured("flextell_requests_total", **customer) == 3


async def test_no_stranger_can_make_lines(world: World, browser: AsyncClient) -> None:
    """Whatever is sent: paths, methods, grant types, codes and addresses of one's own."""

    async def send(number: int) -> None:
        form = {"grant_type": f"grant-{number}", "client_id": f"client-{number}"}
        await browser.post("/oauth/token", data=form)
        await browser.post("/oauth/token", data={**form, "grant_type": "refresh_token"})
        await browser.get(f"/nowhere/{number}")
        await browser.get(f"/api/nowhere/{number}")
        await browser.get(f"/api/v1/customers/{number}/none")
        await browser.get(f"/static/{number}.css")
        await browser.request(f"METHOD{number}", "/oauth/token")
        await browser.get("/oauth/authorize", params={"client_id": str(number)})
        await browser.get("/api", headers={"authorization": f"Bearer {number}"})

    await send(0)
    before = series(world.parts.metrics)
    for number in range(1, 20):
        await send(number)

    assert series(world.parts.metrics) == before


async def test_gauges_show_what_the_parts_hold(
    world: World, browser: AsyncClient, alice: Someone, measured: Measured
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    await revoke(browser, PHOTOS_APP, tokens["access_token"])

    assert 0 <= measured.now("flextell_revocation_feed_age_seconds") < 3
    assert measured("flextell_revocation_feed_size") == 1
    assert measured.now("flextell_password_hash_queue_length") == 0
    assert measured.now("flextell_store_queue_length") == 0
    world.clock.advance(60)
    for purpose in ("access_token", "id_token"):
        assert measured.now("flextell_signing_key_age_seconds", purpose=purpose) >= 60


async def test_a_node_is_well_while_its_store_answers(world: World) -> None:
    await world.parts.feed.catch_up()

    assert world.parts.feed.checks() == {"store": True, "revocations": True}
