"""The AI agent is off until somebody or the time says otherwise."""

from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants import agent
from flextell.tenants.agent import ENABLED, MAXIMUM_MINUTES
from flextell.tenants.model import Named

NOON = 1_795_435_200
BOB = Named(7, "Bob")


def test_an_agent_that_was_switched_off_for_good_stays_off() -> None:
    off = agent.disabled(None, BOB, NOON)

    assert agent.at(off, NOON + 100 * MAXIMUM_MINUTES * 60) == off
    assert agent.remaining_minutes(off, NOON) is None
    assert off.disabled_by == BOB


@given(minutes=st.integers(1, MAXIMUM_MINUTES), later=st.integers(0, 2 * MAXIMUM_MINUTES * 60))
def test_an_agent_that_was_switched_off_for_a_time_is_on_when_it_is_over(
    minutes: int, later: int
) -> None:
    off = agent.disabled(minutes, BOB, NOON)

    there = agent.at(off, NOON + later)

    assert there == (off if later < minutes * 60 else ENABLED)
    left = agent.remaining_minutes(off, NOON + later)
    assert left is not None
    assert (left > 0) == there.disabled
    assert 0 <= left * 60 - max(0, minutes * 60 - later) < 60
