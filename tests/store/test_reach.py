"""While a database server is away, one asks for all."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from flextell.store import reach
from flextell.store.port import StoreAway, StoreBusy
from flextell.store.reach import Reach

pytestmark = pytest.mark.anyio


def away() -> Awaitable[str]:
    """Nobody answers."""

    async def ask() -> str:
        raise StoreAway

    return ask()


async def here() -> str:
    """Somebody answers."""
    return "here"


@pytest.fixture
async def lost() -> Reach:
    """The server did not answer the last time."""
    lost = Reach()
    with pytest.raises(StoreAway):
        await lost.ask(away)
    return lost


def slow(go_on: asyncio.Event, asked: list[int]) -> Callable[[], Awaitable[str]]:
    """A question that takes its time; `asked` grows by one."""

    async def ask() -> str:
        asked.append(1)
        await go_on.wait()
        return "here"

    return ask


async def test_a_server_that_was_there_is_asked_by_everybody() -> None:
    asked: list[int] = []
    go_on = asyncio.Event()
    reached = Reach()

    everybody = [asyncio.create_task(reached.ask(slow(go_on, asked))) for _ in range(5)]
    await asyncio.sleep(0)
    go_on.set()

    assert await asyncio.gather(*everybody) == ["here"] * 5
    assert len(asked) == 5


async def test_when_the_one_that_asks_is_answered_the_others_ask_too(lost: Reach) -> None:
    asked: list[int] = []
    go_on = asyncio.Event()

    first = asyncio.create_task(lost.ask(slow(go_on, asked)))
    await asyncio.sleep(0)
    others = [asyncio.create_task(lost.ask(slow(go_on, asked))) for _ in range(5)]
    await asyncio.sleep(0)
    alone = len(asked)
    go_on.set()

    assert await asyncio.gather(first, *others) == ["here"] * 6
    assert alone == 1


async def test_when_the_one_that_asks_is_not_answered_the_others_are_told_at_once(
    lost: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "HEARING_SECONDS", 0.01)
    asked: list[int] = []
    go_on = asyncio.Event()

    first = asyncio.create_task(lost.ask(slow(go_on, asked)))
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(StoreAway):
            await lost.ask(slow(go_on, asked))
    go_on.set()

    assert await first == "here"
    assert len(asked) == 1
    assert await lost.ask(here) == "here"


async def test_one_that_is_cancelled_leaves_its_place_to_the_next(lost: Reach) -> None:
    first = asyncio.create_task(lost.ask(slow(asyncio.Event(), [])))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])

    assert await lost.ask(here) == "here"


async def test_a_server_that_is_busy_is_there() -> None:
    async def busy() -> str:
        raise StoreBusy

    reached = Reach()
    with pytest.raises(StoreBusy):
        await reached.ask(busy)

    assert await asyncio.gather(*(reached.ask(here) for _ in range(3))) == ["here"] * 3
