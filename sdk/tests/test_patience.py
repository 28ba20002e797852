"""How long to go on asking, and how long to wait between (RFC 9110 §10.2.3)."""

from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.patience import ONCE, USUAL, Patience, retry_after
from sdk.tests.clock import NOON

some_patience = st.builds(
    Patience,
    seconds=st.floats(0, 300),
    attempts=st.integers(1, 50),
    first_seconds=st.floats(0, 5),
    longest_seconds=st.floats(0, 60),
)
chances = st.floats(0.0, 1.0, exclude_max=True)


@given(some_patience, st.integers(1, 100), st.floats(0, 1000), st.floats(0, 1000), chances)
def test_no_pause_ends_after_the_patience_does(
    patience: Patience, attempt: int, spent: float, asked_for: float, chance: float
) -> None:
    pause = patience.pause(attempt, spent, asked_for, chance)

    assert pause is None or spent + pause <= patience.seconds


@given(some_patience, st.integers(1, 100), st.floats(0, 1000), chances)
def test_no_pause_is_shorter_than_the_server_asks(
    patience: Patience, attempt: int, asked_for: float, chance: float
) -> None:
    pause = patience.pause(attempt, 0.0, asked_for, chance)

    assert pause is None or pause >= asked_for


@given(some_patience, st.integers(1, 100), chances)
def test_a_pause_that_nobody_asked_for_is_anything_up_to_a_limit(
    patience: Patience, attempt: int, chance: float
) -> None:
    pause = patience.pause(attempt, 0.0, None, chance)

    limit = min(patience.first_seconds * 2 ** (attempt - 1), patience.longest_seconds)
    assert pause is None or pause == pytest.approx(limit * chance)


@given(some_patience)
def test_attempts_come_to_an_end(patience: Patience) -> None:
    made = 1
    while patience.pause(made, 0.0, None, 0.0) is not None:
        made += 1

    assert made == patience.attempts


def test_the_steps_double_up_to_a_limit() -> None:
    pauses = [USUAL.pause(attempt, 0.0, None, 0.5) for attempt in range(1, 8)]

    assert pauses == [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0]


def test_to_try_once_is_to_try_once() -> None:
    assert ONCE.pause(1, 0.0, 0.0, 0.0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        (formatdate(NOON + 90, usegmt=True), 90.0),
        (formatdate(NOON - 90, usegmt=True), 0.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("Fri, 99 Foo 2025 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """RFC 9110 §10.2.3."""
    assert retry_after(header, NOON) == seconds


@given(st.text())
@example("9" * 400)
@example("²")
@example("٣")
@example("Thu, 01 Jan 0001 00:00:00 GMT")
@example("Sun, 15 Jun 2025 15:06:40 +9999")
def test_any_header_asks_for_some_time_or_none(header: str) -> None:
    asked_for = retry_after(header, NOON)

    assert asked_for is None or asked_for >= 0.0
