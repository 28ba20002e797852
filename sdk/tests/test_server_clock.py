"""The server's clock, learned from its answers (RFC 9110 §6.6.1)."""

from email.utils import formatdate

import httpx2
import pytest

from flextell_sdk.wire import GLANCE_SECONDS, Wire
from sdk.tests.clock import NOON
from sdk.tests.faults import says, takes
from sdk.tests.world import World, asked

DONE = says(200, b"done")
TEN_MINUTES = 600.0


@pytest.mark.parametrize("wrong_by", [-TEN_MINUTES, TEN_MINUTES, 0.0])
def test_a_clock_that_is_wrong_does_not_matter(world: World, wrong_by: float) -> None:
    wire = world.wire(wrong_by)
    world.server.instead("/nothing", DONE)
    asked(wire)

    assert abs(wire.server_now() - world.clock.now()) <= 1.0


def test_what_is_known_of_the_clock_is_not_forgotten_by_a_slow_answer(world: World) -> None:
    wire = world.wire(TEN_MINUTES)
    world.server.instead("/nothing", DONE, takes(world.clock, 8.0, DONE))
    asked(wire)
    before = wire.clock_offset
    asked(wire)

    assert wire.clock_offset == before


@pytest.mark.parametrize("lag", [0.4, 1.0, 1.9])
def test_a_date_that_is_a_little_old_moves_no_clock(world: World, wire: Wire, lag: float) -> None:
    """RFC 9110 §6.6.1: it is an approximation. Many servers write it once in a second."""
    world.server.date_lags_by = lag
    world.server.always["/nothing"] = DONE
    for _ in range(10):
        asked(wire)
        world.clock.move(0.3)

    assert wire.clock_offset == 0.0


def test_what_another_program_learned_counts_until_the_server_speaks(world: World) -> None:
    wire = world.wire(TEN_MINUTES)
    wire.suppose(-TEN_MINUTES)
    supposed = wire.server_now()
    wire.suppose(0.0)

    assert supposed == wire.server_now() == world.clock.now()

    wire = world.wire(0.0)
    wire.suppose(-TEN_MINUTES)
    world.server.instead("/nothing", DONE)
    asked(wire)
    assert abs(wire.server_now() - world.clock.now()) <= 1.0


def test_a_server_that_does_not_tell_the_time_has_ours(world: World, wire: Wire) -> None:
    world.server.tells_the_time = False
    world.server.instead("/nothing", DONE)
    asked(wire)

    assert wire.clock_offset == 0.0


def test_an_answer_out_of_a_cache_says_nothing_of_the_time(world: World, wire: Wire) -> None:
    """RFC 9111 §5.1: `Age` says that the answer was made before, and its `Date` with it."""
    an_hour_ago = formatdate(NOON - 3600, usegmt=True)
    world.server.instead("/nothing", says(200, b"done", date=an_hour_ago, age="3600"))
    asked(wire)

    assert abs(wire.server_now() - world.clock.now()) <= 1.0


def answer_at(moment: float) -> httpx2.Response:
    return httpx2.Response(200, headers={"date": formatdate(moment, usegmt=True)})


def test_ordinary_answers_are_asked_for_the_time_now_and_then(world: World, wire: Wire) -> None:
    wire.glance(answer_at(NOON + 100), NOON)
    first = wire.clock_offset
    wire.glance(answer_at(NOON + 200), NOON)
    at_once = wire.clock_offset
    world.clock.move(GLANCE_SECONDS)
    wire.glance(answer_at(world.clock.now() + 300), world.clock.now())

    assert first == at_once == 100.5
    assert wire.clock_offset == 300.5
