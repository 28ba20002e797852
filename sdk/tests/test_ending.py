"""How a grant ends: the server says so, the person signs out, or the app drops it."""

import threading
from collections.abc import Callable

import pytest

from flextell_sdk.client import Client
from flextell_sdk.errors import FlextellError, SignInAgain, TokenRequestRefused, Unreachable
from flextell_sdk.grant import Grant
from sdk.tests.fake_server import REVOKE, TOKEN, Rotation
from sdk.tests.faults import is_lost, meanwhile, never_arrives, says
from sdk.tests.world import DEAD, STALE, World


def must_sign_in_again(grant: Grant) -> str:
    """Why."""
    with pytest.raises(SignInAgain) as again:
        grant.tokens()
    return again.value.why


def revoked_by_alice(world: World) -> Grant:
    """She went to the server's own pages; her tokens are dead."""
    alice = world.alice()
    world.server.permissions[-1].ended = True
    world.clock.move(DEAD)
    return alice


# The server says so.


def test_the_person_must_sign_in_again_where_the_server_no_longer_accepts_the_grant(
    world: World,
) -> None:
    """RFC 6749 §5.2, `invalid_grant`."""
    alice = revoked_by_alice(world)
    why = must_sign_in_again(alice)

    assert "invalid_grant" in why
    assert not alice.is_signed_in()


def test_that_is_asked_once_and_known_to_all(world: World) -> None:
    alice = revoked_by_alice(world)
    others = [world.program().open("alice") for _ in range(3)]
    why = {must_sign_in_again(grant) for grant in [alice, *others, alice, *others]}

    assert len(why) == 1
    assert world.server.times(TOKEN) == 1


def test_it_is_noticed_in_the_background_too(world: World) -> None:
    alice = world.alice()
    world.server.permissions[-1].ended = True
    world.clock.move(STALE)
    alice.tokens()
    world.settle()

    assert "invalid_grant" in must_sign_in_again(alice)
    assert world.server.times(TOKEN) == 1


def test_nothing_secret_is_left_of_it(world: World) -> None:
    alice = revoked_by_alice(world)
    must_sign_in_again(alice)
    kept = world.kept()
    assert kept is not None

    assert (kept.access_token, kept.refresh_token, kept.id_token) == ("", None, None)


def test_a_new_sign_in_is_one_call_away_and_good_for_all(world: World) -> None:
    alice = revoked_by_alice(world)
    other = world.program().open("alice")
    must_sign_in_again(alice)
    must_sign_in_again(other)
    assert alice.start_sign_in(prompt="login").url
    world.alice()

    assert alice.tokens() == other.tokens() == world.kept()


def test_an_old_refresh_token_is_not_shown_where_a_newer_is_in_the_store(world: World) -> None:
    """With a server that takes that for theft the grant would be over."""
    world.server.rotation = Rotation.ONCE
    slow, quick = world.alice(), world.program().open("alice")
    for _ in range(3):
        world.clock.move(DEAD)
        quick.tokens()
        assert slow.tokens() == quick.tokens()

    assert world.server.times(TOKEN) == 3


# The person signs out.


def test_a_sign_out_ends_the_grant_at_the_server_first(world: World) -> None:
    """RFC 7009 §2."""
    alice = world.alice()
    at_that_time = []
    world.server.instead(REVOKE, meanwhile(lambda: at_that_time.append(world.kept())))
    alice.sign_out()

    [seen] = world.server.at(REVOKE)
    assert seen.form == {"token": "refresh-token-0", "token_type_hint": "refresh_token"}
    assert [kept.access_token for kept in at_that_time if kept] == ["access-token-0"]
    assert world.server.permissions[-1].ended


def test_after_it_there_are_no_tokens_in_any_program(world: World) -> None:
    alice, other = world.alice(), world.program().open("alice")
    other.tokens()
    alice.sign_out()
    world.clock.move(DEAD)

    assert must_sign_in_again(alice) == must_sign_in_again(other) == "you signed out."
    assert not alice.is_signed_in()
    assert world.server.times(TOKEN) == 0


def test_another_program_learns_it_at_its_next_call(world: World) -> None:
    alice, other = world.alice(), Client(world.program().open("alice"))
    other.about()
    alice.sign_out()
    with pytest.raises(SignInAgain, match="you signed out"):
        other.about()
    asked = len(world.server.seen)

    assert must_sign_in_again(other.grant) == "you signed out."
    assert len(world.server.seen) == asked
    assert world.server.times(TOKEN) == 0


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (never_arrives(), Unreachable),
        (is_lost(), Unreachable),
        (says(503), Unreachable),
        (says(400, {"error": "unsupported_token_type"}), TokenRequestRefused),
    ],
)
def test_a_sign_out_that_the_server_did_not_hear_can_be_tried_again(
    world: World, fault: Callable[..., object], problem: type[FlextellError]
) -> None:
    alice = world.alice()
    world.server.always[REVOKE] = fault  # type: ignore[assignment]
    with pytest.raises(problem):
        alice.sign_out()
    still_there = alice.is_signed_in()
    world.server.always.clear()
    alice.sign_out()

    assert still_there
    assert world.server.permissions[-1].ended
    assert must_sign_in_again(alice) == "you signed out."


def test_who_has_no_refresh_token_takes_back_the_access_token(world: World) -> None:
    world.server.gives_refresh_tokens = False
    alice = world.alice()
    alice.sign_out()

    [seen] = world.server.at(REVOKE)
    assert seen.form == {"token": "access-token-0", "token_type_hint": "access_token"}


def test_a_server_that_takes_nothing_back_is_not_asked(world: World) -> None:
    del world.server.metadata["revocation_endpoint"]
    alice = world.alice()
    alice.sign_out()

    assert must_sign_in_again(alice) == "you signed out."
    assert world.server.times(REVOKE) == 0


def test_who_is_not_signed_in_need_not_sign_out(world: World) -> None:
    world.photos.open("bob").sign_out()
    alice = world.alice()
    alice.sign_out()
    alice.sign_out()

    assert world.server.times(REVOKE) == 1


def test_a_sign_out_during_a_refresh_takes_back_what_that_brings(world: World) -> None:
    alice = world.alice()
    world.clock.move(DEAD)
    signing_out = threading.Thread(target=alice.sign_out)
    world.server.instead(TOKEN, meanwhile(signing_out.start))
    alice.tokens()
    signing_out.join(30)

    [seen] = world.server.at(REVOKE)
    assert seen.form["token"] == "refresh-token-1"
    assert must_sign_in_again(alice) == "you signed out."


@pytest.mark.anyio
async def test_tasks_sign_out_in_a_thread(world: World) -> None:
    alice = world.alice()
    await world.photos.in_thread(alice.sign_out)

    assert must_sign_in_again(alice) == "you signed out."


# The app drops it.


def test_to_forget_takes_no_word_with_the_server(world: World) -> None:
    alice = world.alice()
    alice.forget()
    alice.forget()

    assert "dropped on this side" in must_sign_in_again(alice)
    assert world.server.seen == []
    assert not world.server.permissions[-1].ended


def test_who_never_signed_in_is_not_remembered_for_being_forgotten(world: World) -> None:
    world.photos.open("bob").forget()

    assert world.kept("bob") is None


def test_whoever_was_forgotten_may_come_back(world: World) -> None:
    alice = world.alice()
    alice.forget()
    world.alice()

    assert alice.tokens().version == 3
