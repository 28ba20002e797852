"""The clients: where calls go and what they say, and every operation through both."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from flextell_sdk.api.models import About
from flextell_sdk.client import AsyncClient, Client
from flextell_sdk.errors import (
    NotForThere,
    UnexpectedAnswer,
)
from sdk.tests.fake_server import ABOUT, CUSTOMERS, ISSUER
from sdk.tests.faults import says
from sdk.tests.world import APP, World

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
API_OF_ITS_OWN = replace(APP, api="https://api.example")


@pytest.mark.parametrize("path", ["@evil.example/x", ".evil.example/x", ":8443/x", "evil"])
async def test_no_path_leads_away_from_the_api(world: World, call: Call, path: str) -> None:
    """RFC 6750 §5.3. With an API that has a host of its own, what follows is part of its name."""
    photos = world.program(app=API_OF_ITS_OWN)
    alice = world.alice(grants=photos)
    with pytest.raises(NotForThere):
        await call(alice, "GET", path)

    assert world.server.seen == []


async def test_an_api_elsewhere_is_where_calls_go(world: World, call: Call) -> None:
    alice = world.alice(grants=world.program(app=API_OF_ITS_OWN))
    world.server.instead("/v1/notes", says(200, {"data": 1}))

    assert await call(alice, "GET", "/v1/notes") == {"data": 1}
    assert world.server.seen[-1].headers["host"] == "api.example"


async def test_a_query_is_written_as_the_api_reads_it(world: World, call: Call) -> None:
    alice = world.alice()
    await call(alice, "GET", "", query={"trashed": True, "page": 2, "search": "a b&c", "no": None})

    assert world.server.seen[-1].query == {"trashed": "true", "page": "2", "search": "a b&c"}


async def test_everything_that_has_a_name_is_read(world: World) -> None:
    alice, client = Client(world.alice()), AsyncClient(world.photos.open("alice"))

    assert alice.about() == await client.about() == About("Fake API", "v1")
    assert [tenant.name for tenant in alice.account.tenants()] == ["Bright Clinic"]
    assert [tenant.name async for tenant in client.account.tenants()] == ["Bright Clinic"]
    assert alice.customers.get(1) == await client.customers.get(1)
    everyone = [customer.full_name for customer in alice.customers.list()]
    assert everyone == [customer.full_name async for customer in client.customers.list()]
    assert everyone[0] == "Bob Builder"


async def test_a_client_acts_in_the_tenant_that_it_is_told(world: World) -> None:
    alice = Client(world.alice(), tenant=7)
    client = AsyncClient(alice.grant).in_tenant(8)
    alice.about()
    alice.in_tenant(9).about()
    await client.about()
    Client(alice.grant).about()

    assert [seen.headers.get("x-tenant") for seen in world.server.seen] == ["7", "9", "8", None]
    assert alice.in_tenant(9).grant is alice.grant


async def test_an_answer_in_an_unknown_form_is_not_asked_for_again(world: World) -> None:
    alice = Client(world.alice())
    world.server.instead(ABOUT, says(200, {"data": {"name": 7}}))
    with pytest.raises(UnexpectedAnswer):
        alice.about()

    assert world.server.times(ABOUT) == 1


async def test_a_request_says_who_makes_it_and_what_it_reads(world: World) -> None:
    Client(world.alice()).customers.get(3)
    [seen] = world.server.at(f"{CUSTOMERS}/3")

    assert seen.headers["host"] == httpx2.URL(ISSUER).host
    assert seen.headers["user-agent"].startswith("flextell-sdk")
    assert seen.headers["accept"] == "application/json"
