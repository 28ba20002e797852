"""When a sign-in session holds, and when its use is worth writing down."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flextell.accounts import sessions
from flextell.accounts.model import Session
from flextell.accounts.sessions import NOTE_USE_EVERY_SECONDS
from tests.world import NOON

HOUR, DAY = 3600, 24 * 3600
LIFETIME, IDLE = 14 * DAY, 2 * DAY


def begun() -> Session:
    """The session of Alice, who signed in at noon."""
    return sessions.begin(b"digest", 1, LIFETIME, NOON)


def test_a_session_begins_when_somebody_proved_who_they_are() -> None:
    assert begun() == Session(
        b"digest", 1, auth_time=NOON, seen_at=NOON, expires_at=NOON + LIFETIME
    )


def test_a_session_that_is_used_holds_until_its_lifetime_is_over() -> None:
    """OWASP ASVS 5.0 §7.3.2: an absolute maximum lifetime, however much it is used."""
    last = NOON + LIFETIME
    used = replace(begun(), seen_at=last - 1)
    assert sessions.holds(used, IDLE, last - 1)
    assert not sessions.holds(used, IDLE, last)
    assert not sessions.holds(replace(used, seen_at=last), IDLE, last)


def test_a_session_that_is_not_used_ends_earlier() -> None:
    """OWASP ASVS 5.0 §7.3.1: an inactivity timeout."""
    assert sessions.holds(begun(), IDLE, NOON + IDLE)
    assert not sessions.holds(begun(), IDLE, NOON + IDLE + NOTE_USE_EVERY_SECONDS)


def test_use_is_noted_now_and_then() -> None:
    assert not sessions.worth_noting(begun(), NOON)
    assert not sessions.worth_noting(begun(), NOON + NOTE_USE_EVERY_SECONDS - 1)
    assert sessions.worth_noting(begun(), NOON + NOTE_USE_EVERY_SECONDS)


@given(st.lists(st.integers(0, IDLE), max_size=40))
def test_nobody_is_signed_out_who_comes_back_within_the_idle_time(pauses: list[int]) -> None:
    """Although not every use is written down."""
    session, now = begun(), NOON
    for pause in pauses:
        now += pause
        if now >= session.expires_at:
            break
        assert sessions.holds(session, IDLE, now)
        if sessions.worth_noting(session, now):
            session = replace(session, seen_at=now)
    assert not sessions.holds(session, IDLE, NOON + LIFETIME)
