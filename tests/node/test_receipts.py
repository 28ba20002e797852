"""What a node remembers of the answers that arrived: the newest, within a bound."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from flextell.node import receipts
from flextell.node.receipts import Receipts
from flextell.oauth.access_token import AccessToken, for_grant
from flextell.oauth.model import Grant
from flextell.sources import Sources
from flextell.store.port import Store, StoreUnavailable, Unit
from tests.world import NOON

BOUND = 100


class Noting:
    """A store that keeps what is noted, or is away."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, int]] = []
        self.sizes: list[int] = []
        self.away = False
        self.refresh_tokens = self

    def note_received(self, seen: Iterable[tuple[str, int]], now: int) -> None:
        self.noted += sorted(seen)
        self.sizes.append(len(self.noted) - sum(self.sizes))

    async def write(self, work: Callable[[Unit], Any], *, brief: bool = False) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        return work(cast(Unit, self))


@pytest.fixture
def store() -> Noting:
    return Noting()


@pytest.fixture
def node(store: Noting, monkeypatch: pytest.MonkeyPatch) -> Receipts:
    """A node that remembers 100 at most."""
    monkeypatch.setattr(receipts, "REMEMBERED", BOUND)
    return Receipts(cast(Store, store), Sources(now=lambda: NOON, random=bytes))


def token(generation: int) -> AccessToken:
    """The access token that came with a generation of Alice's grant."""
    grant = Grant("grant-of-alice-0000000", "photos", "sub-alice", frozenset(), NOON)
    return for_grant(grant, generation, frozenset(), NOON, NOON + 3600)


def known(node: Receipts, generations: Iterable[int]) -> list[int]:
    return [n for n in generations if node.has("grant-of-alice-0000000", n)]


def test_the_newest_half_is_always_remembered_and_never_more_than_the_bound(
    node: Receipts,
) -> None:
    for n in range(1, 5 * BOUND):
        node.saw(token(n))
        remembered = known(node, range(1, n + 1))
        assert remembered[-BOUND // 2 :] == list(range(max(n - BOUND // 2, 0) + 1, n + 1))
        assert len(remembered) <= BOUND


def test_what_is_seen_is_stored_once_and_again_only_after_it_was_forgotten(
    node: Receipts, store: Noting
) -> None:
    for n in (1, 1, 2):
        node.saw(token(n))
    asyncio.run(node.flush())
    node.saw(token(2))
    asyncio.run(node.flush())
    assert sorted(n for _, n in store.noted) == [1, 2]
    for n in range(3, 2 * BOUND):
        node.saw(token(n))
    asyncio.run(node.flush())
    assert sorted(n for _, n in store.noted) == list(range(1, 2 * BOUND))
    node.saw(token(1))
    asyncio.run(node.flush())
    assert store.noted[-1][1] == 1


def test_the_token_of_the_code_itself_answers_no_refresh(node: Receipts, store: Noting) -> None:
    node.saw(token(0))
    asyncio.run(node.flush())
    assert store.noted == []


def test_no_unit_of_work_stores_many(node: Receipts, store: Noting) -> None:
    """It may run in the event loop, where everybody waits for it."""
    for n in range(1, 251):
        node.saw(token(n))
    asyncio.run(node.flush())
    assert store.sizes == [100, 100, 50]
    assert sorted(n for _, n in store.noted) == list(range(1, 251))


def test_what_could_not_be_stored_is_stored_the_next_time(node: Receipts, store: Noting) -> None:
    node.saw(token(1))
    store.away = True
    with pytest.raises(StoreUnavailable):
        asyncio.run(node.flush())
    node.saw(token(2))
    store.away = False
    asyncio.run(node.flush())
    assert [n for _, n in store.noted] == [1, 2]
