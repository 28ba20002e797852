"""Tokens of one person: at hand while they are fresh, refreshed in time, waited for when dead."""

import threading
from dataclasses import replace

import pytest

from flextell_sdk.errors import SignInAgain, TokenRequestRefused, Unreachable
from flextell_sdk.grant import HOLD_SECONDS
from sdk.tests.fake_server import METADATA, TOKEN, Rotation
from sdk.tests.faults import is_lost, meanwhile, never_arrives, no_fault, says, takes, with_members
from sdk.tests.world import APP, DEAD, FRESH, STALE, World

TEN_MINUTES = 600.0


def test_fresh_tokens_cost_no_request(world: World) -> None:
    alice = world.alice()
    world.clock.move(FRESH)

    assert [alice.tokens().access_token for _ in range(3)] == ["access-token-0"] * 3
    assert world.server.seen == []


def test_stale_tokens_are_used_on_while_they_are_refreshed_once_in_the_background(
    world: World,
) -> None:
    alice = world.alice()
    world.clock.move(STALE)
    done = threading.Event()
    world.server.instead(TOKEN, meanwhile(lambda: done.wait(30)))
    meantime = {alice.tokens().access_token for _ in range(100)}
    done.set()
    world.settle()

    assert meantime == {"access-token-0"}
    assert alice.tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1


def test_dead_tokens_are_waited_for(world: World) -> None:
    """Even while the server would still take them: the request has to arrive, too."""
    alice = world.alice()
    world.clock.move(DEAD)

    assert alice.tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1


@pytest.mark.anyio
async def test_tasks_wait_for_them_as_threads_do(world: World) -> None:
    alice = world.alice()
    first = await alice.tokens_async()
    world.clock.move(DEAD)

    assert first.access_token == "access-token-0"
    assert (await alice.tokens_async()).access_token == "access-token-1"


def test_an_early_refresh_that_fails_harms_nobody_and_is_tried_again_later(world: World) -> None:
    alice = world.alice()
    world.clock.move(STALE)
    world.server.instead(TOKEN, says(503))
    used = [alice.tokens().access_token]
    world.settle()
    used += [alice.tokens().access_token for _ in range(10)]
    world.settle()
    at_once = world.server.times(TOKEN)
    world.clock.move(1.0)
    used.append(alice.tokens().access_token)
    world.settle()

    assert set(used) == {"access-token-0"}
    assert at_once == 1
    assert alice.tokens().access_token == "access-token-1"


def test_between_early_refreshes_that_fail_there_is_more_and_more_quiet(world: World) -> None:
    alice = world.alice()
    world.clock.move(STALE)
    world.server.always[TOKEN] = says(503)
    tried = []
    for _ in range(60):
        alice.tokens()
        world.settle()
        tried.append(world.server.times(TOKEN))
        world.clock.move(1.0)

    assert tried[0] == 1
    assert tried[-1] == 6, "after 0, 1, 3, 7, 15 and 31 seconds"


def test_dead_tokens_and_a_server_that_is_gone_are_an_error_after_a_while(world: World) -> None:
    alice = world.alice()
    world.clock.move(DEAD)
    world.server.always[TOKEN] = never_arrives()
    with pytest.raises(Unreachable):
        alice.tokens()
    del world.server.always[TOKEN]

    assert alice.tokens().access_token == "access-token-1"


def test_a_refusal_of_the_app_is_nobodys_sign_out(world: World) -> None:
    """RFC 6749 §5.2: only `invalid_grant` is about what the person allowed."""
    alice = world.alice()
    world.clock.move(DEAD)
    world.server.instead(TOKEN, says(401, {"error": "invalid_client"}))
    with pytest.raises(TokenRequestRefused, match="invalid_client"):
        alice.tokens()

    assert alice.is_signed_in()
    assert alice.tokens().access_token == "access-token-1"


def test_tokens_that_do_not_say_when_they_expire_are_used_until_they_are_refused(
    world: World,
) -> None:
    world.server.lifetime = None
    alice = world.alice()
    world.clock.move(365 * 24 * 3600.0)

    assert alice.tokens().access_token == "access-token-0"
    assert world.server.times(TOKEN) == 0


def test_without_a_refresh_token_the_access_token_is_used_up_and_then_it_is_over(
    world: World,
) -> None:
    world.server.gives_refresh_tokens = False
    alice = world.alice()
    world.clock.move(STALE)
    stale = alice.tokens().access_token
    world.clock.move(DEAD - STALE)
    with pytest.raises(SignInAgain, match="no refresh token"):
        alice.tokens()

    assert stale == "access-token-0"
    assert world.server.times(TOKEN) == 0


def test_nobody_has_tokens_who_never_signed_in(world: World) -> None:
    alice = world.photos.open("alice")
    with pytest.raises(SignInAgain, match="nobody has signed in yet") as again:
        alice.tokens()

    assert not alice.is_signed_in()
    assert again.value.grant == "alice"
    assert world.server.seen == []


def test_a_program_starts_with_what_another_left_in_the_store(world: World) -> None:
    world.alice()
    alice = world.program().open("alice")

    assert alice.is_signed_in()
    assert alice.tokens().access_token == "access-token-0"
    assert world.server.seen == []


def test_a_server_that_does_not_rotate_is_asked_with_the_same_refresh_token(world: World) -> None:
    world.server.rotation = Rotation.NEVER
    world.server.always[TOKEN] = with_members(refresh_token=None)
    world.server.instead(TOKEN, no_fault)
    alice = world.alice()
    for _ in range(3):
        world.clock.move(DEAD)
        alice.tokens()

    asked = [seen.form["refresh_token"] for seen in world.server.at(TOKEN)]
    assert asked == ["refresh-token-0"] * 3


@pytest.mark.parametrize("rotation", Rotation)
def test_a_hundred_lifetimes_take_a_hundred_refreshes(world: World, rotation: Rotation) -> None:
    world.server.rotation = rotation
    alice = world.alice()
    for _ in range(100):
        world.clock.move(DEAD)
        alice.tokens()

    assert alice.tokens().access_token == "access-token-100"
    assert world.server.times(TOKEN) == 100


def test_a_lost_answer_costs_nothing_where_the_server_gives_it_again(world: World) -> None:
    alice = world.alice()
    world.clock.move(DEAD)
    world.server.instead(TOKEN, is_lost(), is_lost())

    assert alice.tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 3


# Without the server's clock the first would be refreshed now, and the second not yet.
WRONG_CLOCKS = [(TEN_MINUTES, 3000.0, "access-token-0"), (-TEN_MINUTES, DEAD, "access-token-1")]


@pytest.mark.parametrize(("wrong_by", "passes", "token"), WRONG_CLOCKS)
def test_a_clock_that_is_wrong_neither_hastens_a_refresh_nor_delays_it(
    world: World, wrong_by: float, passes: float, token: str
) -> None:
    photos = world.program(world.clock.sources(wrong_by=wrong_by))
    alice = world.alice(grants=photos)
    world.clock.move(passes)

    assert alice.tokens().access_token == token
    world.settle()
    assert alice.tokens().access_token == token


@pytest.mark.parametrize(("wrong_by", "passes", "token"), WRONG_CLOCKS)
def test_a_program_with_a_wrong_clock_starts_with_what_others_learned_of_it(
    world: World, wrong_by: float, passes: float, token: str
) -> None:
    """All programs of one machine have the same clock; the store tells how wrong it was."""
    machine = world.clock.sources(wrong_by=wrong_by)
    world.alice(grants=world.program(machine))
    world.clock.move(passes)
    alice = world.program(machine).open("alice")

    assert alice.tokens().access_token == token
    world.settle()
    assert alice.tokens().access_token == token


def test_whoever_wants_other_tokens_gets_them_though_these_are_fresh(world: World) -> None:
    alice = world.alice()

    assert alice.refresh().access_token == alice.tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1


@pytest.mark.anyio
async def test_so_do_tasks(world: World) -> None:
    alice = world.alice()

    assert (await alice.refresh_async()).access_token == "access-token-1"
    assert alice.tokens().access_token == "access-token-1"


def test_an_app_says_how_long_it_is_patient(world: World) -> None:
    alice = world.alice(grants=world.program(app=replace(world.app, patience_seconds=3.0)))
    world.clock.move(DEAD)
    world.server.always[TOKEN] = takes(world.clock, 1.0, never_arrives())
    began = world.clock.now()
    with pytest.raises(Unreachable):
        alice.tokens()

    assert 2.0 <= world.clock.now() - began <= 4.0


def test_no_refresh_holds_a_grant_for_longer_than_others_wait_for_it(world: World) -> None:
    """Or they would give up on a refresh that succeeds: StoreBusy, and a call that fails."""
    world.alice()
    world.clock.move(DEAD)
    alice = world.program().open("alice")
    slow = takes(world.clock, 10.0, never_arrives())
    at_last = takes(world.clock, 9.0)
    world.server.instead(METADATA, slow, slow, at_last)
    world.server.instead(TOKEN, slow, slow, at_last)
    moments: list[float] = []
    world.store.when_held = world.store.when_let_go = lambda: moments.append(world.clock.now())
    alice.tokens()

    assert world.server.times(TOKEN) == 3
    longest = APP.patience_seconds + APP.timeout_seconds + HOLD_SECONDS
    assert moments[-1] - moments[0] <= longest


def test_a_repr_tells_whose_grant_it_is_and_no_more(world: World) -> None:
    alice = world.alice()

    assert repr(alice) == "<Grant 'alice' of photos app at https://auth.example>"
