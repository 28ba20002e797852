"""What is written in one turn of the event loop leaves together, in order, and before a close."""

import asyncio

import pytest

from flextell.joined_writes import MOST_BYTES, JoinedWrites

pytestmark = pytest.mark.anyio


class Wire:
    """A transport that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.told


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def joined(wire: Wire) -> JoinedWrites:
    return JoinedWrites(wire, asyncio.get_running_loop())  # type: ignore[arg-type]


async def test_a_head_and_its_body_are_one_write(joined: JoinedWrites, wire: Wire) -> None:
    joined.write(b"head ")
    joined.write(b"body")
    assert wire.told == []

    await asyncio.sleep(0)
    joined.write(b"next")
    await asyncio.sleep(0)

    assert wire.told == [b"head body", b"next"]


async def test_who_writes_much_is_not_held_back(joined: JoinedWrites, wire: Wire) -> None:
    for _ in range(5):
        joined.write(bytes(MOST_BYTES // 2))

    assert sum(map(len, wire.told)) >= MOST_BYTES  # so that it feels a slow client
    await asyncio.sleep(0)
    assert sum(map(len, wire.told)) == 5 * (MOST_BYTES // 2)


async def test_a_close_comes_after_what_was_written(joined: JoinedWrites, wire: Wire) -> None:
    joined.write(b"last words")
    joined.close()
    await asyncio.sleep(0)

    assert wire.told == [b"last words", "close"]
    assert joined.is_closing()


async def test_an_abort_sends_nothing_more(joined: JoinedWrites, wire: Wire) -> None:
    joined.write(b"lost")
    joined.abort()
    await asyncio.sleep(0)

    assert wire.told == ["abort"]
