"""Tokens that the API calls invalid: a refresh if it may help, once, and quiet if it does not."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import httpx2
import pytest

from flextell_sdk.client import Client
from flextell_sdk.errors import (
    ApiError,
    Forbidden,
    SignInAgain,
    StoreError,
    Unauthorized,
    Unreachable,
)
from flextell_sdk.grant import LONGEST_QUIET_SECONDS
from flextell_sdk.patience import USUAL
from sdk.tests.clock import NOON
from sdk.tests.fake_server import ABOUT, TOKEN
from sdk.tests.faults import Fault, meanwhile, never_arrives, says
from sdk.tests.watched_store import disk_full
from sdk.tests.world import DEAD, FRESH, World

INVALID = 'Bearer realm="flextell", error="invalid_token"'


REJECTED = says(401, {"error": "invalid_token"}, www_authenticate=INVALID)


def test_a_token_that_was_revoked_is_replaced_and_the_call_made_again(world: World) -> None:
    """RFC 6750 §3.1: on `invalid_token` the client MAY request a new one and retry."""
    alice = Client(world.alice())
    world.server.revoke_access()

    assert alice.about().name == "Fake API"
    assert [seen.bearer for seen in world.server.at(ABOUT)] == ["access-token-0", "access-token-1"]
    assert world.server.times(TOKEN) == 1


def test_a_clock_that_was_set_back_meanwhile_costs_a_call_and_nothing_else(world: World) -> None:
    alice = Client(world.alice())
    world.clock.move(DEAD + 5)
    world.clock.jumped = -600.0

    assert alice.about().name == "Fake API"
    assert abs(alice.grant.wire.server_now() - world.clock.now()) <= 1.0
    assert world.server.times(TOKEN) == 1


def test_the_refusal_itself_tells_the_time(world: World) -> None:
    """Newer tokens are in the store: nobody but the API says how late it is."""
    one, other = Client(world.alice()), Client(world.program().open("alice"))
    one.about()
    world.server.revoke_access()
    other.about()
    world.clock.jumped = -600.0
    one.about()

    assert abs(one.grant.wire.server_now() - world.clock.now()) <= 1.0
    assert world.server.times(TOKEN) == 1


def test_many_threads_with_a_rejected_token_make_one_refresh(world: World) -> None:
    alice = Client(world.alice())
    world.server.revoke_access()
    everyone = threading.Barrier(64)

    def call(_: int) -> str:
        everyone.wait(30)
        return alice.about().name

    with ThreadPoolExecutor(64) as threads:
        names = list(threads.map(call, range(64)))

    assert names == ["Fake API"] * 64
    assert world.server.times(TOKEN) == 1


def test_a_token_that_was_replaced_during_the_call_is_not_replaced_again(world: World) -> None:
    alice = Client(world.alice())
    world.clock.move(FRESH)
    world.server.revoke_access()
    world.server.instead(ABOUT, meanwhile(alice.about))

    assert alice.about().name == "Fake API"
    assert world.server.times(TOKEN) == 1


def test_what_another_program_has_fetched_is_taken_instead_of_a_refresh(world: World) -> None:
    one, other = Client(world.alice()), Client(world.program().open("alice"))
    other.about()
    world.server.revoke_access()
    one.about()
    before = world.server.times(TOKEN)

    assert other.about().name == "Fake API"
    assert (before, world.server.times(TOKEN)) == (1, 1)


def test_tokens_that_die_on_their_way_are_replaced_again(world: World) -> None:
    """They live for a minute, and the network takes longer: a refresh does help."""
    world.server.lifetime = 60.0
    alice = Client(world.alice())
    slow = meanwhile(lambda: world.clock.move(61.0))
    world.server.instead(ABOUT, slow, slow)

    assert alice.about().name == "Fake API"
    assert (world.server.times(ABOUT), world.server.times(TOKEN)) == (3, 2)


def test_a_machine_that_stalls_for_many_short_lives_of_tokens_fails_no_call(world: World) -> None:
    world.server.lifetime = 2.0
    alice = Client(world.alice())
    stalled = meanwhile(lambda: world.clock.move(2.5))
    world.server.instead(ABOUT, *[stalled] * (USUAL.attempts - 1))

    assert alice.about().name == "Fake API"
    assert world.server.times(TOKEN) == USUAL.attempts - 1


def test_a_date_that_is_old_makes_no_dead_token_alive(world: World) -> None:
    """The server was as busy as everybody: the date of its second refusal is of before."""
    world.server.lifetime = 2.0
    alice = Client(world.alice())

    def stall_with_old_dates() -> None:
        world.clock.move(2.0)
        world.server.date_lags_by = 1.9

    slow = meanwhile(lambda: world.clock.move(2.0))
    world.server.instead(ABOUT, slow, meanwhile(stall_with_old_dates))

    assert alice.about().name == "Fake API"
    assert world.server.times(TOKEN) == 2


def test_the_second_refusal_too_tells_the_time(world: World) -> None:
    """Whoever has it wrong by then would take the token for one that the API does not want."""
    world.server.lifetime = 60.0
    alice = Client(world.alice())
    of_noon = httpx2.Response(200, headers={"date": formatdate(NOON, usegmt=True)})

    def stall_and_be_misled() -> None:
        world.clock.move(61.0)
        alice.grant.wire.learn(of_noon, world.clock.now())

    slow = meanwhile(lambda: world.clock.move(61.0))
    world.server.instead(ABOUT, slow, meanwhile(stall_and_be_misled))

    assert alice.about().name == "Fake API"
    assert world.server.times(TOKEN) == 2


def test_and_given_up_where_they_always_do(world: World) -> None:
    world.server.lifetime = 60.0
    alice = Client(world.alice())
    world.server.always[ABOUT] = meanwhile(lambda: world.clock.move(61.0))
    with pytest.raises(Unauthorized):
        alice.about()

    assert world.server.times(ABOUT) == USUAL.attempts


def test_a_refresh_that_does_not_help_is_not_tried_again_at_once(world: World) -> None:
    alice = Client(world.alice())
    world.server.always[ABOUT] = REJECTED
    for _ in range(50):
        with pytest.raises(Unauthorized, match="invalid_token"):
            alice.about()

    assert world.server.times(TOKEN) == 1
    assert world.server.times(ABOUT) == 51


def test_while_nothing_helps_refreshes_become_rare(world: World) -> None:
    alice = Client(world.alice())
    world.server.always[ABOUT] = REJECTED
    for _ in range(600):
        with pytest.raises(Unauthorized):
            alice.about()
        world.clock.move(1.0)

    assert world.server.times(TOKEN) == 6 + (600 - 63) // LONGEST_QUIET_SECONDS + 1


def test_a_refresh_that_failed_is_not_taken_for_one_that_did_not_help(world: World) -> None:
    alice = Client(world.alice())
    world.server.revoke_access()
    world.store.before_replace.append(disk_full)
    with pytest.raises(StoreError):
        alice.about()

    assert alice.about().name == "Fake API"
    assert world.server.times(TOKEN) == 1


def test_when_the_api_takes_tokens_again_the_quiet_is_over(world: World) -> None:
    alice = Client(world.alice())
    world.server.always[ABOUT] = REJECTED
    with pytest.raises(Unauthorized):
        alice.about()
    del world.server.always[ABOUT]
    alice.about()
    world.server.revoke_access()

    assert alice.about().name == "Fake API"
    assert world.server.times(TOKEN) == 2


NOT_ABOUT_THE_TOKEN: dict[str, tuple[Fault, type[ApiError]]] = {
    "401 that does not say why": (says(401), Unauthorized),
    "401 that says so in the body alone": (says(401, {"error": "invalid_token"}), Unauthorized),
    "401 of another kind": (
        says(401, www_authenticate='Bearer error="invalid_request"'),
        Unauthorized,
    ),
    "401 without a token": (says(401, www_authenticate='Bearer realm="flextell"'), Unauthorized),
    "401 of a proxy": (
        says(401, www_authenticate='Basic realm="x", error="invalid_token"'),
        Unauthorized,
    ),
    "403": (says(403, {"error": "forbidden"}), Forbidden),
    "403 with an odd challenge": (says(403, www_authenticate=INVALID), Forbidden),
    "403 for want of a scope": (
        says(403, www_authenticate='Bearer error="insufficient_scope", scope="x"'),
        Forbidden,
    ),
}


@pytest.mark.parametrize(("fault", "kind"), NOT_ABOUT_THE_TOKEN.values(), ids=NOT_ABOUT_THE_TOKEN)
def test_no_other_refusal_is_answered_with_a_refresh(
    world: World, fault: Fault, kind: type[ApiError]
) -> None:
    alice = Client(world.alice())
    world.server.instead(ABOUT, fault)
    with pytest.raises(kind):
        alice.about()

    assert (world.server.times(ABOUT), world.server.times(TOKEN)) == (1, 0)


def ended(world: World) -> None:
    world.server.permissions[-1].ended = True


def unreachable(world: World) -> None:
    world.server.revoke_access()
    world.server.always[TOKEN] = never_arrives()


@pytest.mark.parametrize(("what", "problem"), [(ended, SignInAgain), (unreachable, Unreachable)])
def test_a_refresh_that_fails_is_the_failure_of_the_call(
    world: World, what: Callable[[World], None], problem: type[Exception]
) -> None:
    alice = Client(world.alice())
    what(world)
    with pytest.raises(problem):
        alice.about()

    assert world.server.times(ABOUT) == 1
