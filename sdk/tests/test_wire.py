"""The wire asks again while that may help, and only where it does no harm."""

from collections.abc import Iterator
from email.utils import formatdate

import httpx2
import pytest

from flextell_sdk.errors import TokenRequestRefused, Unreachable
from flextell_sdk.patience import ONCE, USUAL, Patience
from flextell_sdk.token_endpoint import read_tokens, refresh_request
from flextell_sdk.tokens import Tokens
from flextell_sdk.wire import Wire
from sdk.tests.clock import NOON
from sdk.tests.fake_server import TOKEN
from sdk.tests.faults import Fault, is_lost, meanwhile, never_arrives, says, takes
from sdk.tests.world import APP, World, asked

DONE = says(200, b"done")

ARRIVES_NEVER = [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout]
ARRIVES_PERHAPS = [
    httpx2.ReadError,
    httpx2.ReadTimeout,
    httpx2.WriteError,
    httpx2.WriteTimeout,
    httpx2.RemoteProtocolError,
    httpx2.ProxyError,
]
PASSING = [429, 500, 502, 503, 504]


@pytest.mark.parametrize("kind", ARRIVES_NEVER + ARRIVES_PERHAPS)
def test_the_network_may_fail_for_a_while(
    world: World, wire: Wire, kind: type[httpx2.TransportError]
) -> None:
    world.server.instead("/nothing", never_arrives(kind), never_arrives(kind), DONE)

    assert asked(wire) == "done"
    assert world.server.times("/nothing") == 3


@pytest.mark.parametrize("status", PASSING)
def test_the_server_may_fail_for_a_while(world: World, wire: Wire, status: int) -> None:
    world.server.instead("/nothing", says(status), says(status), DONE)

    assert asked(wire) == "done"
    assert len(world.clock.pauses) == 2


def test_an_answer_that_cannot_be_unpacked_is_asked_for_again(world: World, wire: Wire) -> None:
    garbled = says(200, b"this is not gzip", content_encoding="gzip")
    world.server.instead("/nothing", garbled, DONE)

    assert asked(wire) == "done"


def refresh(wire: Wire, patience: Patience = USUAL) -> Tokens:
    request = refresh_request(APP, wire.server(), "the-token")
    return wire.ask(request, lambda heard: read_tokens(heard, None, ""), patience)


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_in_the_end_given_up(
    world: World, wire: Wire
) -> None:
    world.server.always[TOKEN] = says(200, b'{"access_token": "at')
    with pytest.raises(Unreachable, match="cut short"):
        refresh(wire)

    assert world.server.times(TOKEN) == USUAL.attempts


def test_patience_has_an_end(world: World, wire: Wire) -> None:
    world.server.always["/nothing"] = takes(world.clock, 10.0, never_arrives(httpx2.ReadTimeout))
    with pytest.raises(Unreachable, match=r"auth\.example"):
        asked(wire)

    assert world.server.times("/nothing") == 3
    assert world.clock.now() - NOON <= USUAL.seconds + 10.0


def test_a_server_that_asks_to_wait_is_given_the_time(world: World, wire: Wire) -> None:
    """RFC 9110 §10.2.3."""
    a_date = formatdate(NOON + 20, usegmt=True)
    world.server.instead("/nothing", says(429, retry_after="7"), DONE)
    world.server.instead("/nothing", says(503, retry_after=a_date), DONE)
    asked(wire)
    after_seconds = world.clock.now()
    asked(wire)

    assert after_seconds >= NOON + 7
    assert world.clock.now() >= NOON + 20


def test_a_server_that_asks_for_too_much_is_not_asked_again(world: World, wire: Wire) -> None:
    world.server.always["/nothing"] = says(503, retry_after="3600")
    with pytest.raises(Unreachable, match="503"):
        asked(wire)

    assert (world.server.times("/nothing"), world.clock.pauses) == (1, [])


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 501])
def test_any_other_answer_is_an_answer(world: World, wire: Wire, status: int) -> None:
    world.server.instead("/nothing", says(status, b"done"))

    assert asked(wire) == "done"


def test_a_refusal_outlives_the_patience(world: World, wire: Wire) -> None:
    """What the server says of a passing problem is told in the end."""
    world.server.always[TOKEN] = says(503, {"error": "temporarily_unavailable"})
    with pytest.raises(TokenRequestRefused) as refusal:
        refresh(wire)

    assert refusal.value.error == "temporarily_unavailable"


@pytest.mark.parametrize("kind", ARRIVES_NEVER)
def test_what_may_be_sent_once_is_sent_again_if_it_surely_did_not_arrive(
    world: World, wire: Wire, kind: type[httpx2.TransportError]
) -> None:
    world.server.instead("/nothing", never_arrives(kind), DONE)

    assert asked(wire, only_if_not_sent=True) == "done"


UNSURE: list[Fault] = [
    *(is_lost(kind) for kind in ARRIVES_PERHAPS),
    *(says(status) for status in PASSING),
]


@pytest.mark.parametrize("fault", UNSURE)
def test_and_is_not_if_it_may_have_arrived(world: World, wire: Wire, fault: Fault) -> None:
    world.server.instead("/nothing", fault)
    with pytest.raises(Unreachable):
        asked(wire, only_if_not_sent=True)

    assert world.server.times("/nothing") == 1


def test_the_cause_of_an_error_is_never_itself(world: World, wire: Wire) -> None:
    """Whoever walks along the causes comes to an end."""
    world.server.always[TOKEN] = says(200, b"<html>")
    with pytest.raises(Unreachable) as unreachable:
        refresh(wire)

    assert unreachable.value.__cause__ is not unreachable.value


# Connections.


def test_whoever_goes_on_after_close_may(world: World, wire: Wire) -> None:
    world.server.always["/nothing"] = DONE
    asked(wire)
    before = wire.http()
    wire.close()

    assert asked(wire) == "done"
    assert before.is_closed
    assert not wire.http().is_closed


def test_a_close_between_two_attempts_does_not_end_them(world: World, wire: Wire) -> None:
    world.server.instead("/nothing", meanwhile(wire.close, says(503)), DONE)

    assert asked(wire) == "done"


def test_a_wire_that_nobody_has_any_more_closes_its_connections(world: World) -> None:
    wire = world.wire()
    http = wire.http()
    del wire

    assert http.is_closed


@pytest.mark.parametrize("fault", [is_lost(), never_arrives(), says(500, "x"), says(200)])
@pytest.mark.parametrize("patience", [USUAL, ONCE])
def test_no_error_of_the_wire_tells_a_secret(
    world: World, wire: Wire, fault: Fault, patience: Patience
) -> None:
    world.server.always[TOKEN] = fault
    with pytest.raises(Unreachable) as unreachable:
        refresh(wire, patience)

    told = "".join(f"{problem} {problem!r}" for problem in chain(unreachable.value))
    assert "the-token" not in told
    assert str(APP.client_secret) not in told


def chain(problem: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        yield problem
        problem = problem.__cause__ or problem.__context__
