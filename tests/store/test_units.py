"""What a unit of work promises as a whole: kept or not, told when durable, apart from others."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flextell.oauth.errors import InvalidGrant
from flextell.oauth.model import EndGrant
from flextell.store.port import Store, StoreUnavailable, Unit
from flextell.web.work import decide
from tests.store.conftest import OpenNode
from tests.store.samples import (
    FIRST_TOKEN,
    NOON,
    PHOTOS,
    a_code,
    connect_photos,
    digest,
    generations,
    refreshed,
)
from tests.world import build_world


class Bug(Exception):
    """A mistake in a unit of work."""


def add_photos_and_fail(unit: Unit) -> None:
    unit.clients.add(PHOTOS)
    raise Bug


def name_of(number: int) -> str:
    return f"jti-{number}"


def note(number: int) -> Callable[[Unit], int]:
    """A unit that leaves a trace and returns its number."""

    def work(unit: Unit) -> int:
        unit.revocations.add(name_of(number), NOON + 60, NOON)
        return number

    return work


def noted(unit: Unit) -> set[str]:
    return {item.name for item in unit.revocations.since(0)}


@pytest.mark.anyio
async def test_a_unit_that_fails_leaves_nothing_and_tells_why(store: Store) -> None:
    with pytest.raises(Bug):
        await store.write(add_photos_and_fail)
    with pytest.raises(Bug):
        store.at_once(add_photos_and_fail)
    assert await store.read(lambda unit: unit.clients.all()) == []


@pytest.mark.anyio
async def test_a_failing_unit_never_harms_its_neighbours(store: Store) -> None:
    """On SQLite they share one commit."""

    def fail_after_writing(number: int) -> Callable[[Unit], int]:
        def work(unit: Unit) -> int:
            note(number)(unit)
            raise Bug

        return work

    outcomes = await asyncio.gather(
        *(store.write((fail_after_writing if n % 3 == 0 else note)(n)) for n in range(90)),
        return_exceptions=True,
    )
    for number, outcome in enumerate(outcomes):
        assert isinstance(outcome, Bug) if number % 3 == 0 else outcome == number
    assert await store.read(noted) == {name_of(n) for n in range(90) if n % 3}


@pytest.mark.anyio
async def test_a_unit_that_breaks_a_rule_of_the_database_never_harms_its_neighbours(
    store: Store,
) -> None:
    """A constraint that fails undoes one statement in SQLite, and ends the unit in PostgreSQL."""

    def twice(unit: Unit) -> None:
        unit.codes.put(a_code("flx_code_two"))
        unit.codes.put(a_code("flx_code_two"))

    outcomes = await asyncio.gather(
        *(store.write(work) for work in (note(1), twice, note(2), twice, note(3))),
        return_exceptions=True,
    )
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1, 2, 3]
    assert all("unique" in str(outcome).lower() for outcome in outcomes[1::2])
    assert await store.read(noted) == {name_of(1), name_of(2), name_of(3)}
    assert await store.read(lambda unit: unit.codes.claim(digest("flx_code_two"), NOON)) is None


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError, StopIteration])
async def test_the_store_works_on_after_an_exception_of_any_kind(
    store: Store, kind: type[BaseException]
) -> None:
    def fail(unit: Unit) -> None:
        note(1)(unit)
        raise kind

    # No future can carry a StopIteration: it arrives as the RuntimeError that a generator makes.
    with pytest.raises(RuntimeError if kind is StopIteration else kind):
        await store.write(fail)
    with pytest.raises(RuntimeError if kind is StopIteration else kind):
        await store.read(fail)
    assert await store.write(note(2)) == 2
    assert await store.read(noted) == {name_of(2)}


@pytest.mark.anyio
async def test_who_is_told_success_can_be_sure(open_node: OpenNode) -> None:
    """The moment a write returns, everybody else sees what it wrote."""
    here, there = open_node(), open_node()

    async def write_and_look(number: int) -> bool:
        await here.write(note(number))
        return name_of(number) in await there.read(noted)

    assert all(await asyncio.gather(*(write_and_look(n) for n in range(60))))


@pytest.mark.anyio
async def test_a_cancelled_waiter_does_not_break_its_group(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    def linger(unit: Unit) -> None:
        started.set()
        assert go_on.wait(10)

    # What lingers is not brief.
    first = asyncio.create_task(store.write(linger, brief=False))
    await asyncio.to_thread(started.wait, 10)
    waiting = [asyncio.create_task(store.write(note(n))) for n in range(10)]
    await asyncio.sleep(0)
    waiting[3].cancel()
    first.cancel()
    go_on.set()
    outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert isinstance(outcomes[4], asyncio.CancelledError)
    assert [o for o in outcomes if isinstance(o, int)] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert {name_of(n) for n in range(10) if n != 3} <= await store.read(noted)


@pytest.mark.anyio
async def test_closing_finishes_what_was_queued(open_node: OpenNode) -> None:
    store = open_node()
    tasks = [asyncio.create_task(store.write(note(n))) for n in range(200)]
    await asyncio.sleep(0)
    await asyncio.to_thread(store.close)
    assert await asyncio.gather(*tasks) == list(range(200))
    assert len(open_node().at_once(noted)) == 200


@pytest.mark.anyio
async def test_a_closed_store_says_so_at_once(open_node: OpenNode) -> None:
    store = open_node()
    await store.write(note(1))
    store.close()
    store.close()
    for ask in (store.write, store.read):
        with pytest.raises(StoreUnavailable, match="stopping"):
            await ask(note(2))
    with pytest.raises(StoreUnavailable, match="stopping"):
        store.at_once(note(2))


@pytest.mark.anyio
async def test_a_store_that_was_never_used_closes(open_node: OpenNode) -> None:
    store = open_node()
    store.close()
    with pytest.raises(StoreUnavailable, match="stopping"):
        await store.write(note(1))


def test_a_store_serves_one_event_loop_after_another(store: Store) -> None:
    async def write(number: int) -> int:
        return await store.write(note(number))

    assert [asyncio.run(write(n)) for n in range(3)] == [0, 1, 2]
    assert store.at_once(noted) == {name_of(n) for n in range(3)}


@pytest.mark.anyio
async def test_a_reader_sees_one_state_of_things(open_node: OpenNode) -> None:
    """What somebody writes next to a unit that only reads does not show up half way."""
    store = open_node()
    await store.write(note(1))
    assert await store.read(noted) == {name_of(1)}
    await asyncio.gather(*(store.write(note(n)) for n in range(2, 30)))
    assert len(await store.read(noted)) == 29


@pytest.mark.anyio
async def test_the_order_of_a_refusal_is_kept_and_a_bug_is_not(
    database_url: str, tmp_path: Path
) -> None:
    """A refusal is a decision: raised out of the transaction, it would make a used token fresh."""
    parts = build_world(tmp_path, database_url).parts

    def refuse(unit: Unit) -> None:
        unit.revocations.add("kept", NOON + 60, NOON)
        raise InvalidGrant("It was used before.", then=EndGrant("grant-1", "reused"))

    def stumble(unit: Unit) -> None:
        unit.revocations.add("lost", NOON + 60, NOON)
        unit.grants.end("grant-2", "reused", NOON, NOON + 60)
        raise Bug

    def connect(unit: Unit) -> None:
        connect_photos(unit, "grant-1", "token-1")
        connect_photos(unit, "grant-2", "token-2")

    try:
        await parts.store.write(connect)
        refusal, bug = await asyncio.gather(
            decide(parts, refuse), decide(parts, stumble), return_exceptions=True
        )
        assert isinstance(refusal, InvalidGrant)
        assert isinstance(bug, Bug)
        assert await parts.store.read(noted) == {"kept", "grant-1"}
        living = await parts.store.read(lambda unit: unit.grants.living(subject="sub-alice"))
        assert [grant.grant_id for grant in living] == ["grant-2"]
    finally:
        parts.hashing.close()
        parts.store.close()


@pytest.mark.anyio
async def test_64_chains_of_refreshes_end_with_as_many_tokens_as_were_answered(
    store: Store,
) -> None:
    def connect(unit: Unit) -> None:
        for n in range(64):
            connect_photos(unit, f"grant-{n}", f"{FIRST_TOKEN}{n}")

    async def chain(number: int) -> list[str]:
        tokens = [f"{FIRST_TOKEN}{number}"]
        for _ in range(5):
            issue = await store.write(lambda unit: refreshed(unit, tokens[-1]))
            tokens.append(issue.refresh_token)
        return tokens

    await store.write(connect)
    chains = await asyncio.gather(*(chain(n) for n in range(64)))
    found = await store.read(lambda unit: [generations(unit, *tokens) for tokens in chains])
    assert found == [[0, 1, 2, 3, 4, 5]] * 64
