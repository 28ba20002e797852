"""When tokens are stale and dead, and what an answer's date says of the server's clock."""

from email.utils import formatdate
from math import isfinite

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from flextell_sdk.freshness import DATE_LAG_SECONDS, NEVER, deadlines, learned_offset
from flextell_sdk.tokens import Tokens
from sdk.tests.clock import NOON

DAY = 24 * 3600.0

lifetimes = st.floats(1.0, 30 * DAY)
chances = st.floats(0.0, 1.0, exclude_max=True)


def living_for(lifetime: float, refresh_token: str | None = "refresh") -> Tokens:
    return Tokens("access", refresh_token, "", NOON + lifetime, lifetime)


@given(lifetimes, chances)
@example(1.0, 0.0)
@example(30 * DAY, 0.0)
def test_tokens_are_fresh_then_stale_then_dead_then_expired(lifetime: float, chance: float) -> None:
    when = deadlines(living_for(lifetime), chance)

    assert NOON < when.stale_at <= when.dead_at < NOON + lifetime


@given(lifetimes, chances)
def test_however_short_they_live_they_are_used_for_a_third_of_it(
    lifetime: float, chance: float
) -> None:
    assert deadlines(living_for(lifetime), chance).stale_at - NOON >= lifetime / 3


@given(lifetimes, chances)
def test_they_are_not_refreshed_more_than_five_minutes_early(
    lifetime: float, chance: float
) -> None:
    assert NOON + lifetime - deadlines(living_for(lifetime), chance).stale_at <= 300.001


@given(st.floats(3.0, 30 * DAY), chances)
def test_a_request_under_way_has_a_second_and_at_most_five(lifetime: float, chance: float) -> None:
    margin = NOON + lifetime - deadlines(living_for(lifetime), chance).dead_at

    assert 0.999 <= margin <= 5.001


@given(st.floats(20.0, 30 * DAY), chances, chances)
def test_programs_that_start_together_do_not_refresh_together(
    lifetime: float, one: float, other: float
) -> None:
    """The moment lies anywhere in the first half of the last part of their life."""
    assume(one < other)
    earliest = deadlines(living_for(lifetime), 0.0).stale_at
    latest = deadlines(living_for(lifetime), 1.0).stale_at
    first = deadlines(living_for(lifetime), one).stale_at
    second = deadlines(living_for(lifetime), other).stale_at

    assert earliest <= first <= second <= latest
    assert latest - earliest >= min(lifetime * 0.05, 149.0)


@given(lifetimes, chances)
def test_what_cannot_be_refreshed_is_used_until_it_is_dead(lifetime: float, chance: float) -> None:
    when = deadlines(living_for(lifetime, None), chance)

    assert when.stale_at == when.dead_at < NOON + lifetime


def test_what_does_not_say_when_it_expires_never_becomes_stale() -> None:
    assert deadlines(Tokens("access", "refresh"), 0.5) == NEVER


# In milliseconds: a float near the present knows little less.
offsets = st.integers(-172_800_000, 172_800_000).map(lambda number: number / 1000)


def date_at(moment: float) -> str:
    """The header of a server whose clock shows that moment: whole seconds."""
    return formatdate(int(moment), usegmt=True)


@given(offsets, st.floats(0.0, 30.0), st.floats(0.0, 1.0), offsets)
def test_what_is_learned_is_as_near_to_the_truth_as_an_answer_can_tell(
    offset: float, took: float, made_after: float, known: float
) -> None:
    """A date cuts off the fraction of its second, and nobody knows when in between it was made."""
    date = date_at(NOON + took * made_after + offset)
    learned = learned_offset(date, NOON, NOON + took, known)

    assert abs(learned - offset) <= took + 1.0 + DATE_LAG_SECONDS


@given(offsets, st.floats(0.0, 30.0), st.floats(0.0, DATE_LAG_SECONDS))
def test_a_date_older_than_its_answer_contradicts_nothing(
    offset: float, took: float, lag: float
) -> None:
    date = date_at(NOON + took - lag + offset)

    assert learned_offset(date, NOON, NOON + took, offset) == offset


@given(offsets, st.floats(0.0, 30.0))
def test_what_is_known_stays_while_no_date_contradicts_it(offset: float, took: float) -> None:
    assert learned_offset(date_at(NOON + took + offset), NOON, NOON + took, offset) == offset


def test_a_clock_that_was_set_is_noticed_at_once() -> None:
    assert learned_offset(date_at(NOON + 600), NOON, NOON, 0.0) == 600.5


@pytest.mark.parametrize(
    "date",
    ["", "now", "0", "Wed, 32 Jan 2025 00:00:00 GMT", "Fri, 99 Foo 2025 99:99:99 GMT", "٣", "\0"],
)
def test_a_date_that_is_none_teaches_nothing(date: str) -> None:
    assert learned_offset(date, NOON, NOON, 7.0) == 7.0


@given(st.text())
@example("Thu, 01 Jan 0001 00:00:00 GMT")
@example("Sun, 15 Jun 2025 15:06:40 +9999")
@example("Sun, 15 Jun 2025 15:06:40 -0000")
def test_any_header_leaves_us_with_a_number(date: str) -> None:
    assert isfinite(learned_offset(date, NOON, NOON, 7.0))
