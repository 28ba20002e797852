"""Tokens are kept before they are used, and a program that dies leaves them to the next."""

from collections.abc import Callable

import pytest

from flextell_sdk.client import Client
from flextell_sdk.errors import SignInAgain, StoreDamaged, StoreError
from sdk.tests.fake_server import TOKEN, Rotation
from sdk.tests.faults import Crash, is_lost
from sdk.tests.watched_store import disk_full
from sdk.tests.world import DEAD, STALE, World


def only_what_is_kept(world: World) -> Callable[[str], None]:
    def look(access_token: str) -> None:
        assert access_token in world.store.access_tokens()

    return look


@pytest.mark.parametrize("passes", [STALE, DEAD])
def test_tokens_are_kept_before_they_are_used(world: World, passes: float) -> None:
    world.server.before_use = only_what_is_kept(world)
    alice = Client(world.alice())
    for _ in range(5):
        alice.about()
        world.clock.move(passes)
        alice.about()
        world.settle()
    alice.about()

    assert world.server.times(TOKEN) == 5
    assert {seen.bearer for seen in world.server.at("/api")} == world.store.access_tokens()


def test_tokens_that_cannot_be_kept_are_not_used(world: World) -> None:
    world.server.rotation = Rotation.ONCE
    alice = world.alice()
    world.clock.move(DEAD)
    world.store.before_replace.append(disk_full)
    with pytest.raises(StoreError, match="disk is full"):
        Client(alice).about()

    assert world.server.times("/api") == 0


def test_they_are_kept_at_the_next_try_for_the_server_does_not_give_them_twice(
    world: World,
) -> None:
    world.server.rotation = Rotation.ONCE
    alice = world.alice()
    world.clock.move(DEAD)
    world.store.before_replace.extend([disk_full] * 3)
    for _ in range(3):
        with pytest.raises(StoreError):
            alice.tokens()

    assert alice.tokens().access_token == "access-token-1"
    assert world.kept() == alice.tokens()
    assert world.server.times(TOKEN) == 1


def test_a_store_that_fails_early_disturbs_nobody(world: World) -> None:
    alice = world.alice()
    world.clock.move(STALE)
    world.store.before_replace.append(disk_full)
    first = alice.tokens().access_token
    world.settle()
    second = alice.tokens().access_token
    world.clock.move(DEAD - STALE)

    assert (first, second) == ("access-token-0", "access-token-0")
    assert alice.tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1


def test_tokens_that_are_kept_so_late_that_they_are_dead_are_refreshed(world: World) -> None:
    world.server.rotation = Rotation.ONCE
    alice = world.alice()
    world.clock.move(DEAD)
    world.store.before_replace.append(disk_full)
    with pytest.raises(StoreError):
        alice.tokens()
    world.clock.move(DEAD)

    assert alice.tokens().access_token == "access-token-2"
    assert alice.is_signed_in()


def test_a_store_that_keeps_and_fails_to_say_so_has_kept(world: World) -> None:
    world.server.rotation = Rotation.ONCE
    alice = world.alice()
    world.clock.move(DEAD)
    world.store.after_replace.append(disk_full)
    with pytest.raises(StoreError):
        alice.tokens()

    assert alice.tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1


def test_a_store_that_cannot_be_read_is_an_error_as_long_as_it_cannot(world: World) -> None:
    world.alice()
    alice = world.program().open("alice")
    world.store.after_load = lambda found: disk_full()
    with pytest.raises(StoreError):
        alice.tokens()
    world.store.after_load = lambda found: None

    assert alice.tokens().access_token == "access-token-0"


def test_a_damaged_entry_is_an_error_until_a_new_sign_in_takes_its_place(world: World) -> None:
    alice = world.alice()
    world.store.is_damaged = True
    world.clock.move(DEAD)
    with pytest.raises(StoreDamaged):
        alice.tokens()
    world.alice()

    assert alice.tokens() == world.kept()


def test_a_damaged_entry_can_be_forgotten(world: World) -> None:
    alice = world.alice()
    world.store.is_damaged = True
    alice.forget()

    assert not alice.is_signed_in()
    with pytest.raises(SignInAgain):
        alice.tokens()


@pytest.mark.parametrize(
    ("rotation", "token"),
    [(Rotation.NEVER, "access-token-2"), (Rotation.IDEMPOTENT, "access-token-1")],
)
def test_a_program_that_dies_before_it_hears_the_answer_is_followed_by_one_that_asks_again(
    world: World, rotation: Rotation, token: str
) -> None:
    world.server.rotation = rotation
    doomed = world.alice()
    world.clock.move(DEAD)
    world.server.instead(TOKEN, is_lost(Crash))
    with pytest.raises(Crash):
        doomed.tokens()

    assert world.program().open("alice").tokens().access_token == token


def die() -> None:
    raise Crash


def test_a_program_that_dies_before_it_keeps_them_is_followed_by_one_that_asks_again(
    world: World,
) -> None:
    doomed = world.alice()
    world.clock.move(DEAD)
    world.store.before_replace.append(die)
    with pytest.raises(Crash):
        doomed.tokens()

    assert world.program().open("alice").tokens().access_token == "access-token-1"


def test_a_program_that_dies_when_it_has_kept_them_is_followed_by_one_that_has_them(
    world: World,
) -> None:
    world.server.rotation = Rotation.ONCE
    doomed = world.alice()
    world.clock.move(DEAD)
    world.store.after_replace.append(die)
    with pytest.raises(Crash):
        doomed.tokens()

    assert world.program().open("alice").tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1
