"""Sweeping at the rate at which rows expire."""

from itertools import islice
from pathlib import Path

import pytest

from flextell.metrics import SWEPT
from flextell.node import sweeping
from flextell.store.port import Unit
from tests import world


def test_bites_grow_for_who_is_behind_for_long() -> None:
    sizes = list(islice(sweeping.bites(), 1000))

    assert sizes == sorted(sizes)
    assert [sizes.count(size) for size in (100, 200, 400)] == [64, 64, 64]
    assert sizes[-1] == 800


@pytest.mark.anyio
async def test_one_sweep_takes_all_that_has_expired_and_nothing_else(tmp_path: Path) -> None:
    def fill(unit: Unit) -> None:
        for number in range(250):
            unit.revocations.add(f"jti-{number}", world.NOON, world.NOON)
        unit.revocations.add("lives", world.NOON + 1, world.NOON)

    parts = world.build_world(tmp_path).parts
    await parts.store.write(fill)
    await sweeping.sweep(parts.store, world.NOON, parts.metrics)
    left = await parts.store.read(lambda unit: unit.revocations.since(0))
    parts.store.close()

    assert [item.name for item in left] == ["lives"]
    assert parts.metrics.counter(SWEPT).value == 250
