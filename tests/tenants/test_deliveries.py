"""When a delivery is tried again, and when it is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants.deliveries import (
    RETRY_AFTER_SECONDS,
    Delivery,
    End,
    Outcome,
    body_of,
    outcome,
)

NOON = 1_795_435_200
chances = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_two_hundred_and_something_is_done(status: int) -> None:
    assert outcome(status, 1, 0.5) == Outcome(End.DONE)
    assert outcome(status, 7, 0.5) == Outcome(End.DONE)


@pytest.mark.parametrize("attempts", [1, 7])
def test_gone_is_gone(attempts: int) -> None:
    assert outcome(410, attempts, 0.5) == Outcome(End.GONE)


@pytest.mark.parametrize("status", [None, 100, 301, 302, 307, 400, 401, 404, 429, 500, 503, 999])
def test_all_else_is_tried_again(status: int | None) -> None:
    assert outcome(status, 1, 0.0) == Outcome(End.AGAIN, 5)


def test_the_waits_grow_and_the_seventh_try_is_the_last() -> None:
    waits = [outcome(500, attempts, 0.0) for attempts in range(1, 8)]

    assert [wait.after_seconds for wait in waits[:6]] == [5, 30, 120, 600, 3600, 21_600]
    assert waits[6] == Outcome(End.FAILED)


@given(st.none() | st.integers(100, 999), st.integers(1, 1000), chances)
def test_a_delivery_always_comes_to_an_end(
    status: int | None, attempts: int, chance: float
) -> None:
    came = outcome(status, attempts, chance)
    if came.end is End.AGAIN:
        assert attempts <= len(RETRY_AFTER_SECONDS)
        wait = RETRY_AFTER_SECONDS[attempts - 1]
        assert wait <= came.after_seconds <= wait * 1.25


def test_the_id_is_the_same_at_every_try() -> None:
    tries = [Delivery(3, 1, 7, "message.sent", "{}", attempt, NOON) for attempt in (1, 2)]

    assert {one.webhook_id for one in tries} == {f"msg_3_{NOON}"}


def test_the_body_says_what_it_is_and_since_when() -> None:
    assert body_of("message.sent", {"id": 1}, NOON) == (
        '{"type":"message.sent","timestamp":"2026-11-23T12:00:00Z","data":{"id":1}}'
    )
