"""Of two versions of a grant the newer stays, whoever writes and whoever was slow."""

import threading
from collections.abc import Callable

import pytest

from flextell_sdk.client import Client
from flextell_sdk.errors import SignInAgain, StoreError
from flextell_sdk.tokens import Tokens
from sdk.tests.fake_server import TOKEN, Rotation
from sdk.tests.faults import meanwhile
from sdk.tests.watched_store import disk_full
from sdk.tests.world import DEAD, FRESH, World


def test_newer_tokens_in_the_store_are_taken_instead_of_a_refresh(world: World) -> None:
    world.server.rotation = Rotation.ONCE
    slow, quick = world.alice(), world.program().open("alice")
    world.clock.move(DEAD)
    quick.tokens()

    assert slow.tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1


def test_versions_follow_one_another_whoever_writes(world: World) -> None:
    programs = [world.alice(), world.program().open("alice"), world.program().open("alice")]
    for _ in range(4):
        for grant in programs:
            world.clock.move(DEAD)
            grant.tokens()
    programs[1].sign_out()
    world.alice()

    assert [tokens.version for tokens in world.store.kept if tokens] == list(range(1, 16))


def test_tokens_that_could_not_be_kept_never_take_the_place_of_another_sign_in(
    world: World,
) -> None:
    """Alice's entry was removed, and she signed in anew: versions begin anew as well."""
    alice = world.alice()
    world.clock.move(DEAD)
    world.store.before_replace.append(disk_full)
    with pytest.raises(StoreError):
        alice.tokens()
    with world.store.hold(world.app.grant_key("alice"), 1.0) as held:
        held.replace(None)
    world.alice(grants=world.program())
    world.server.permissions[0].ended = True
    world.clock.move(DEAD)

    assert Client(alice).about().name == "Fake API"
    assert alice.is_signed_in()


def in_another_thread(do: Callable[[], object]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def after_the_next_load(world: World, do: Callable[[], object]) -> None:
    """When somebody has read the store, and before they can act on it."""

    def disturb(found: Tokens | None) -> None:
        world.store.after_load = lambda found: None
        in_another_thread(do)

    world.store.after_load = disturb


def test_a_sign_in_during_a_refresh_waits_for_it_and_wins(world: World) -> None:
    alice = world.alice()
    code = world.come_back()
    world.clock.move(DEAD)
    signing_in = threading.Thread(target=world.photos.exchange_code, args=(code, "alice"))
    world.server.instead(TOKEN, meanwhile(signing_in.start))
    alice.tokens()
    signing_in.join(30)

    assert [tokens.version for tokens in world.store.kept if tokens] == [1, 2, 3]
    assert alice.tokens() == world.kept()
    permission = world.server.permissions[-1]
    assert permission is not world.server.permissions[0]
    world.server.permissions[0].ended = True
    assert Client(alice).about().name == "Fake API"


def test_a_sign_in_is_not_forgotten_for_what_was_read_before_it(world: World) -> None:
    world.alice()
    alice = world.program().open("alice")
    after_the_next_load(world, lambda: alice.begin(Tokens("of the new sign-in")))
    alice.tokens()

    assert alice.tokens().access_token == "of the new sign-in"


def test_a_sign_out_is_not_undone_by_what_was_read_before_it(world: World) -> None:
    world.alice()
    alice = world.program().open("alice")
    after_the_next_load(world, alice.sign_out)
    alice.tokens()

    with pytest.raises(SignInAgain, match="signed out"):
        alice.tokens()


def test_what_was_fresh_when_it_was_read_is_used_without_a_hold(world: World) -> None:
    """Whoever starts with fresh tokens does not wait for those who change them."""
    world.alice()
    world.clock.move(FRESH)
    holds: list[str] = []
    world.store.when_held = lambda: holds.append("held")
    world.program().open("alice").tokens()

    assert holds == []
