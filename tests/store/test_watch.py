"""What a store tells of its own work, on both databases."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from flextell.settings import Settings
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store, StoreUnavailable, Unit
from tests.store.samples import NOON

pytestmark = pytest.mark.anyio


@dataclass
class Notes:
    """A watch that writes down what it is told."""

    waits: list[float] = field(default_factory=list)
    commits: list[tuple[int, float]] = field(default_factory=list)
    failures: int = 0

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def committed(self, units: int, seconds: float) -> None:
        self.commits.append((units, seconds))

    def unavailable(self) -> None:
        self.failures += 1


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def watched(settings: Settings, notes: Notes) -> Iterator[Store]:
    """A store on a new database whose work is written down."""
    migrate(settings)
    store = open_store(settings.model_copy(update={"database_pool_connections": 1}), notes)
    yield store
    store.close()


async def test_each_unit_of_work_is_told_with_its_wait_and_its_commit(
    watched: Store, notes: Notes
) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def first(unit: Unit) -> None:
        begun.set()
        go_on.wait(10)

    work = [asyncio.create_task(watched.write(first))]
    await asyncio.to_thread(begun.wait, 10)
    work += [
        asyncio.create_task(watched.write(lambda unit: unit.revocations.add("jti", NOON, NOON)))
        for _ in range(5)
    ]
    await asyncio.sleep(0)
    waiting = watched.waiting()
    go_on.set()
    await asyncio.gather(*work)

    assert waiting == 5
    assert watched.waiting() == 0
    assert len(notes.waits) == 6
    assert sum(units for units, _ in notes.commits) == 6
    assert all(0 <= seconds < 10 for seconds in notes.waits)
    assert all(0 < seconds < 10 for _, seconds in notes.commits)


async def test_what_could_not_be_done_is_told_and_not_taken_for_kept(
    watched: Store, notes: Notes
) -> None:
    def fails(unit: Unit) -> None:
        raise StoreUnavailable("It is full.")

    for ask in (watched.write, watched.read):
        with pytest.raises(StoreUnavailable):
            await ask(fails)

    assert notes.failures == 2
