"""A scope that the person never allowed: which one, and the sign-in that asks for it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from flextell_sdk.client import Client
from flextell_sdk.errors import InsufficientScope
from flextell_sdk.sign_in import SignIn, finish_sign_in
from sdk.tests.fake_server import CUSTOMERS, TOKEN
from sdk.tests.faults import says
from sdk.tests.world import World


def scope_of(begun: SignIn) -> str:
    [scope] = parse_qs(urlsplit(begun.url).query)["scope"]
    return scope


def refused(client: Client) -> InsufficientScope:
    with pytest.raises(InsufficientScope) as problem:
        client.customers.get(0)
    return problem.value


def needs(scope: str) -> InsufficientScope:
    problem = InsufficientScope(403, "insufficient_scope", "Not like that.")
    problem.scopes = tuple(scope.split())
    return problem


def test_the_error_names_the_scope_that_is_missing(world: World) -> None:
    """RFC 6750 §3.1."""
    alice = Client(world.alice(scope="account:read"))
    with pytest.raises(InsufficientScope) as problem:
        list(alice.customers.list())

    assert problem.value.scopes == ("customers:read",)
    assert (world.server.times(CUSTOMERS), world.server.times(TOKEN)) == (1, 0)


def test_the_sign_in_asks_for_it_beside_what_is_there(world: World) -> None:
    alice = world.alice(scope="account:read")

    assert scope_of(alice.step_up(needs("customers:read"))) == "account:read customers:read"


def test_of_several_that_are_missing_it_asks_for_all(world: World) -> None:
    """RFC 6750 §3: `scope` is what it takes, not a choice."""
    alice = world.alice(scope="account:read")

    assert scope_of(alice.step_up(needs("tenants:read customers:read"))) == (
        "account:read tenants:read customers:read"
    )


def test_it_asks_for_nothing_twice(world: World) -> None:
    alice = world.alice(scope="account:read")

    assert scope_of(alice.step_up(needs("account:read"))) == "account:read"


def test_it_asks_for_what_the_app_wants_where_nobody_ever_signed_in(world: World) -> None:
    alice = world.photos.open("alice")

    assert scope_of(alice.step_up(needs("files:read"))) == f"{world.app.scope} files:read"


def test_it_asks_for_what_was_there_after_the_grant_has_ended(world: World) -> None:
    alice = world.alice(scope="account:read")
    alice.forget()

    assert scope_of(alice.step_up(needs("files:read"))) == "account:read files:read"


def test_with_it_the_call_succeeds(world: World) -> None:
    alice = world.alice(scope="account:read")
    begun = alice.step_up(needs("customers:read"))
    world.photos.exchange_code(
        finish_sign_in(world.server.allow(begun.url), begun.remembered), alice.name
    )

    assert len(list(Client(alice).customers.list())) == world.server.customers


def test_what_the_person_allowed_another_program_meanwhile_is_found_in_the_store(
    world: World,
) -> None:
    one = Client(world.alice(scope="account:read"))
    one.about()
    other = world.program()
    other.exchange_code(world.come_back("account:read customers:read", other), "alice")
    world.server.seen.clear()

    assert len(list(one.customers.list())) == world.server.customers
    used = [seen.bearer for seen in world.server.at(CUSTOMERS)]
    assert used == ["access-token-0", "access-token-1"]
    assert world.server.times(TOKEN) == 0


def test_newer_tokens_without_it_are_not_tried(world: World) -> None:
    one = Client(world.alice(scope="account:read"))
    world.alice(scope="account:read", grants=world.program())
    with pytest.raises(InsufficientScope):
        list(one.customers.list())

    assert world.server.times(CUSTOMERS) == 1


def test_newer_tokens_with_a_part_of_it_are_not_tried(world: World) -> None:
    one = Client(world.alice(scope="account:read"))
    world.alice(scope="account:read customers:read", grants=world.program())
    challenge = 'Bearer error="insufficient_scope", scope="customers:read customers:write"'
    body = {"error": "insufficient_scope", "message": "No."}
    world.server.instead(f"{CUSTOMERS}/0", says(403, body, www_authenticate=challenge))

    assert refused(one).scopes == ("customers:read", "customers:write")
    assert world.server.times(f"{CUSTOMERS}/0") == 1


def test_a_refusal_that_names_no_scope_is_an_error_that_names_none(world: World) -> None:
    one = Client(world.alice())
    body = {"error": "insufficient_scope", "message": "No."}
    challenge = 'Bearer error="insufficient_scope"'
    world.server.instead(f"{CUSTOMERS}/0", says(403, body, www_authenticate=challenge))

    assert refused(one).scopes == ()
    assert world.server.times(f"{CUSTOMERS}/0") == 1
