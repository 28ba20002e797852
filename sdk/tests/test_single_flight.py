"""One refresh, however many threads, tasks and programs need it at once."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from anyio import CancelScope, create_task_group, fail_after, lowlevel

from flextell_sdk.client import AsyncClient
from flextell_sdk.errors import SignInAgain, Unreachable
from flextell_sdk.grant import Grant
from sdk.tests.fake_server import TOKEN, Rotation
from sdk.tests.faults import meanwhile, never_arrives, says
from sdk.tests.world import DEAD, STALE, World

MANY = 64


def all_at_once(grants: list[Grant], do: Callable[[Grant], str]) -> list[str]:
    """What comes of it when they all begin at the same moment, in threads."""
    ready = threading.Barrier(len(grants))

    def begin(grant: Grant) -> str:
        ready.wait(30)
        return do(grant)

    with ThreadPoolExecutor(len(grants)) as threads:
        return list(threads.map(begin, grants))


def token_of(grant: Grant) -> str:
    return grant.tokens().access_token


@pytest.mark.parametrize("rotation", Rotation)
def test_many_threads_wait_for_one_refresh(world: World, rotation: Rotation) -> None:
    world.server.rotation = rotation
    alice = world.alice()
    for lifetime in range(1, 6):
        world.clock.move(DEAD)
        tokens = all_at_once([alice] * MANY, token_of)

        assert set(tokens) == {f"access-token-{lifetime}"}
        assert world.server.times(TOKEN) == lifetime


@pytest.mark.parametrize("rotation", Rotation)
def test_many_programs_make_one_refresh(world: World, rotation: Rotation) -> None:
    """With a server that ends a grant when a refresh token is shown twice as well."""
    world.server.rotation = rotation
    world.alice()
    programs = [world.program().open("alice") for _ in range(8)]
    for lifetime in range(1, 6):
        world.clock.move(DEAD)
        tokens = all_at_once(programs * 4, token_of)

        assert set(tokens) == {f"access-token-{lifetime}"}
        assert world.server.times(TOKEN) == lifetime
    assert world.server.overlapped == []


def test_many_programs_refresh_once_in_the_background(world: World) -> None:
    world.server.rotation = Rotation.ONCE
    world.alice()
    programs = [world.program().open("alice") for _ in range(8)]
    world.clock.move(STALE)
    used = all_at_once(programs, token_of)
    world.settle()

    assert set(used) <= {"access-token-0", "access-token-1"}
    assert {token_of(grant) for grant in programs} == {"access-token-1"}
    assert world.server.times(TOKEN) == 1


@pytest.mark.anyio
async def test_many_tasks_wait_for_one_refresh(world: World) -> None:
    alice = world.alice()
    world.clock.move(DEAD)
    client = AsyncClient(alice)
    names: list[str] = []

    async def call() -> None:
        names.append((await client.about()).name)

    async with create_task_group() as tasks:
        for _ in range(MANY):
            tasks.start_soon(call)

    assert names == ["Fake API"] * MANY
    assert {seen.bearer for seen in world.server.at("/api")} == {"access-token-1"}
    assert world.server.times(TOKEN) == 1


def test_persons_do_not_wait_for_each_other(world: World) -> None:
    alice, bob = world.alice(), world.photos.exchange_code(world.come_back(), "bob")
    world.clock.move(DEAD)
    alice_is_asking, bob_is_done = threading.Event(), threading.Event()

    def until_bob_is_done() -> None:
        alice_is_asking.set()
        assert bob_is_done.wait(30)

    world.server.instead(TOKEN, meanwhile(until_bob_is_done))
    waiting = threading.Thread(target=alice.tokens)
    waiting.start()
    alice_is_asking.wait(30)
    bob.tokens()
    bob_is_done.set()
    waiting.join(30)

    assert alice.tokens().access_token != bob.tokens().access_token


def test_a_failure_is_the_failure_of_all_who_wait_and_of_nobody_later(world: World) -> None:
    alice = world.alice()
    world.clock.move(DEAD)
    everyone_has_asked = threading.Event()
    world.server.always[TOKEN] = never_arrives()
    world.server.instead(TOKEN, meanwhile(lambda: everyone_has_asked.wait(30), says(503)))
    waited_for = {alice.at_hand() for _ in range(MANY)}
    everyone_has_asked.set()
    [refresh] = waited_for
    assert isinstance(refresh, Future)
    with pytest.raises(Unreachable):
        refresh.result(30)
    del world.server.always[TOKEN]

    assert alice.tokens().access_token == "access-token-1"


async def until_a_refresh_is_under_way(world: World) -> None:
    with fail_after(30):
        while not world.server.at(TOKEN):
            await lowlevel.checkpoint()


@pytest.mark.anyio
async def test_a_task_that_is_cancelled_loses_nothing_and_takes_nothing_from_others(
    world: World,
) -> None:
    world.server.rotation = Rotation.ONCE
    alice = world.alice()
    world.clock.move(DEAD)
    one_is_cancelled = threading.Event()
    world.server.instead(TOKEN, meanwhile(lambda: one_is_cancelled.wait(30)))
    scope = CancelScope()
    got: list[str] = []

    async def wait_in_vain() -> None:
        with scope:
            got.append((await alice.tokens_async()).access_token)

    async def wait() -> None:
        got.append((await alice.tokens_async()).access_token)

    async with create_task_group() as tasks:
        tasks.start_soon(wait_in_vain)
        tasks.start_soon(wait)
        await until_a_refresh_is_under_way(world)
        scope.cancel()
        await lowlevel.checkpoint()
        one_is_cancelled.set()

    assert scope.cancelled_caught
    assert got == ["access-token-1"]
    assert world.server.times(TOKEN) == 1


def test_an_event_loop_that_ends_meanwhile_ends_no_refresh(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.server.rotation = Rotation.ONCE
    alice = world.alice()
    world.clock.move(DEAD)
    loop_is_closed = threading.Event()
    world.server.instead(TOKEN, meanwhile(lambda: loop_is_closed.wait(30)))

    async def give_up() -> None:
        waiting = asyncio.ensure_future(alice.tokens_async())
        await until_a_refresh_is_under_way(world)
        waiting.cancel()

    asyncio.run(give_up())
    loop_is_closed.set()
    world.settle()

    assert alice.tokens().access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.anyio
async def test_tasks_that_are_all_cancelled_leave_the_tokens_to_the_next(world: World) -> None:
    alice = world.alice()
    world.clock.move(DEAD)
    all_are_cancelled = threading.Event()
    world.server.instead(TOKEN, meanwhile(lambda: all_are_cancelled.wait(30)))
    async with create_task_group() as tasks:
        for _ in range(MANY):
            tasks.start_soon(alice.tokens_async)
        await until_a_refresh_is_under_way(world)
        tasks.cancel_scope.cancel()
    all_are_cancelled.set()

    assert (await alice.tokens_async()).access_token == "access-token-1"
    assert world.server.times(TOKEN) == 1


def test_whoever_waits_for_a_refresh_that_is_refused_must_sign_in_again(world: World) -> None:
    alice = world.alice()
    world.server.permissions[-1].ended = True
    world.clock.move(DEAD)

    def why(grant: Grant) -> str:
        with pytest.raises(SignInAgain) as again:
            grant.tokens()
        return again.value.why

    assert len(set(all_at_once([alice] * MANY, why))) == 1
    assert world.server.times(TOKEN) == 1
