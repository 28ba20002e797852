"""What was taken back is refused: by the feed, by introspection, never by a guess."""

import threading
from typing import Any

import pytest

from flextell_sdk.guard import ExpiredToken, Guard, Resource, RevokedToken, Unavailable
from flextell_sdk.guard.revocations import REREAD_SECONDS
from sdk.tests.guard.issuer import (
    AUDIENCE,
    FEED,
    INTROSPECTION,
    ISSUER,
    NOON,
    Issuer,
    bearer,
    settled,
)


def is_revoked(guard: Guard, token: list[str]) -> bool:
    """Whether the guard refuses it, for that reason."""
    try:
        guard.check(token)
    except RevokedToken:
        return True
    return False


# The feed


@pytest.mark.parametrize(
    ("name", "jti"), [("g1", "g1.7"), ("g1", "g1.7.own"), ("g1", "g1"), ("g1.7", "g1.7")]
)
def test_a_name_in_the_feed_ends_the_jti_that_is_it_or_begins_with_it(name: str, jti: str) -> None:
    issuer = Issuer()
    issuer.revoke(name)

    assert is_revoked(issuer.guard(), bearer(issuer.token(jti=jti)))


@pytest.mark.parametrize(
    ("name", "jti"),
    [("g1", "g11.7"), ("g1.7", "g1.70"), ("g1.7", "g1.7.own"), ("g1.7", "g1"), ("7", "g1.7")],
)
def test_and_no_other(name: str, jti: str) -> None:
    issuer = Issuer()
    issuer.revoke(name)

    assert not is_revoked(issuer.guard(), bearer(issuer.token(jti=jti)))


@pytest.mark.parametrize("has_feed", [True, False])
def test_an_api_that_cannot_prove_itself_hears_nothing(
    has_feed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 7662 §2.1. Its operator learns of it, and of no token or secret."""
    issuer = Issuer(has_feed=has_feed)
    token = issuer.token()
    guard = issuer.guard(Resource(ISSUER, AUDIENCE, "clinic", "wrong-s3cret"))

    with pytest.raises(Unavailable):
        guard.check(bearer(token))
    assert "invalid_client" in caplog.text
    assert token not in caplog.text
    assert "wrong-s3cret" not in caplog.text


def test_a_token_that_was_good_a_moment_ago_is_refused_after_the_next_news() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    guard.check(token)
    issuer.revoke("grant-1")
    issuer.clock.advance(1)

    guard.check(token)
    settled(guard)

    assert is_revoked(guard, token)


def test_what_was_revoked_stays_so_whatever_comes_after() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    issuer.revoke("grant-1")

    for number in range(3):
        assert is_revoked(guard, token)
        issuer.revoke(f"other-{number}")
        issuer.clock.advance(1)
        settled(guard)


def test_the_feed_is_read_once_a_second_at_most_and_from_where_it_ended() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    for _ in range(100):
        guard.check(token)
        settled(guard)
        issuer.clock.advance(0.1)
        if issuer.asked[FEED] == 3:
            issuer.revoke("other")

    assert issuer.asked[FEED] == 10
    sequences = [int(form["since"]) for form in issuer.forms]
    assert sequences == sorted(sequences)
    assert sequences[:4] == [0, 0, 0, 0]
    assert sequences[-1] > 0


def test_a_request_after_a_pause_waits_for_the_news() -> None:
    """A revoked token never works for longer than three seconds, however quiet the API is."""
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    guard.check(token)
    issuer.revoke("grant-1")
    issuer.clock.advance(3)

    assert is_revoked(guard, token)


def test_nobody_waits_while_the_news_is_new_enough() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    guard.check(token)
    answered = threading.Event()
    issuer.before = lambda _: None if answered.wait(30) else pytest.fail("nobody waited")
    issuer.clock.advance(2.9)

    for _ in range(3):
        guard.check(token)
    answered.set()
    settled(guard)

    assert issuer.asked[FEED] == 2


def test_many_news_come_in_parts() -> None:
    issuer = Issuer(page=3)
    for number in range(10):
        issuer.revoke(f"g{number}")
    guard = issuer.guard()

    assert all(is_revoked(guard, bearer(issuer.token(jti=f"g{n}.1"))) for n in range(10))
    assert not is_revoked(guard, bearer(issuer.token(jti="g10.1")))
    assert issuer.asked[FEED] == 4


def test_what_has_expired_is_forgotten_and_its_tokens_are_refused_for_that() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    issuer.revoke("grant-1")
    assert is_revoked(guard, token)
    issuer.clock.advance(3599)
    assert is_revoked(guard, token)
    issuer.clock.advance(1)
    issuer.revoke("other")

    with pytest.raises(RevokedToken):
        guard.check(token)  # more useful than that it has expired, as long as it is known
    settled(guard)
    guard.check(bearer(issuer.token(jti="grant-2.1", exp=NOON + 9999)))

    with pytest.raises(ExpiredToken):
        guard.check(token)


def test_everything_is_read_again_now_and_then() -> None:
    """A server that was set back to a backup gives numbers again that it has given before."""
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    for number in range(9):
        issuer.revoke(f"g{number}")
    guard.check(token)
    issuer.news = issuer.news[:3]
    issuer.revoke("grant-1")
    issuer.clock.advance(REREAD_SECONDS)

    assert is_revoked(guard, token)


# The feed fails


@pytest.mark.parametrize("seconds", [0.0, 2.9])
def test_a_hiccup_of_the_feed_is_not_noticed(seconds: float) -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    guard.check(token)
    issuer.down.add("everything")
    issuer.clock.advance(seconds)

    assert guard.check(token).subject == "alice"
    settled(guard)
    assert guard.check(token).subject == "alice"


def test_without_the_feed_each_token_is_asked_about() -> None:
    issuer = Issuer(down={FEED})
    guard, good = issuer.guard(), issuer.token()
    bad = issuer.token(jti="grant-2.1")
    issuer.inactive.add(bad)

    assert guard.check(bearer(good)).subject == "alice"
    assert is_revoked(guard, bearer(bad))
    asked = [form for form in issuer.forms if "token" in form]
    assert asked == [{"token": t, "token_type_hint": "access_token"} for t in (good, bad)]


def test_without_both_nothing_is_guessed_and_the_feed_is_soon_tried_again() -> None:
    issuer = Issuer(down={FEED, INTROSPECTION})
    guard, token = issuer.guard(), bearer(issuer.token())

    for _ in range(20):
        with pytest.raises(Unavailable):
            guard.check(token)
    assert (issuer.asked[FEED], issuer.asked[INTROSPECTION]) == (1, 1)
    issuer.down.clear()
    issuer.clock.advance(1)

    assert guard.check(token).subject == "alice"


def test_what_was_known_to_be_revoked_or_expired_needs_no_news() -> None:
    issuer = Issuer()
    guard, revoked = issuer.guard(), bearer(issuer.token())
    expired = bearer(issuer.token(jti="grant-2.1", exp=NOON + 60))
    issuer.revoke("grant-1")
    guard.check(expired)
    issuer.down |= {FEED, INTROSPECTION}
    issuer.clock.advance(60)

    assert is_revoked(guard, revoked)
    with pytest.raises(ExpiredToken):
        guard.check(expired)
    with pytest.raises(Unavailable):
        guard.check(bearer(issuer.token(jti="grant-3.1")))


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"revocations": [], "sequence": "many", "has_more": False},
        {"revocations": {}, "has_more": False},
        {"revocations": [["grant-1", 1]], "sequence": 1, "has_more": False},
        {"revocations": [{"name": "grant-1"}], "sequence": 1, "has_more": False},
        {"revocations": [{"name": "g", "expires_at": None}], "sequence": 1, "has_more": False},
        {"revocations": [], "sequence": 0, "has_more": True},
    ],
    ids=str,
)
def test_an_answer_that_is_none_is_not_believed(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer(has_introspection=False)
    monkeypatch.setattr(issuer, "_news", lambda since: said)

    with pytest.raises(Unavailable):
        issuer.guard().check(bearer(issuer.token()))


# Introspection alone


def test_a_server_without_a_feed_is_asked_about_each_token_every_three_seconds() -> None:
    """RFC 7662 §4: a cache must not be believed for longer than a revoked token may work."""
    issuer = Issuer(has_feed=False)
    guard, token = issuer.guard(), issuer.token()
    for _ in range(10):
        guard.check(bearer(token))
    assert issuer.asked[INTROSPECTION] == 1
    issuer.inactive.add(token)
    issuer.clock.advance(2.9)
    guard.check(bearer(token))
    issuer.clock.advance(0.1)

    assert is_revoked(guard, bearer(token))
    assert issuer.asked[INTROSPECTION] == 2
    assert FEED not in issuer.asked


def test_an_expired_token_is_not_asked_about() -> None:
    issuer = Issuer(has_feed=False)

    with pytest.raises(ExpiredToken):
        issuer.guard().check(bearer(issuer.token(exp=NOON)))
    assert not issuer.asked[INTROSPECTION]


def test_one_failure_of_introspection_speaks_for_all_tokens_for_a_second() -> None:
    issuer = Issuer(has_feed=False, down={INTROSPECTION})
    guard = issuer.guard()

    for number in range(20):
        with pytest.raises(Unavailable):
            guard.check(bearer(issuer.token(jti=f"g{number}.1")))
    assert issuer.asked[INTROSPECTION] == 1
    issuer.down.clear()
    issuer.clock.advance(1)
    assert guard.check(bearer(issuer.token())).subject == "alice"


def test_a_server_that_has_neither_cannot_be_relied_on() -> None:
    issuer = Issuer(has_feed=False, has_introspection=False)

    with pytest.raises(Unavailable):
        issuer.guard().check(bearer(issuer.token()))


# Neither


def test_an_api_that_says_so_asks_nobody_about_revoked_tokens() -> None:
    issuer = Issuer()
    issuer.revoke("grant-1")
    resource = Resource(ISSUER, AUDIENCE, revoked_tokens_work_until_they_expire=True)
    guard = issuer.guard(resource)

    assert guard.check(bearer(issuer.token())).subject == "alice"
    assert not issuer.forms
    with pytest.raises(ExpiredToken):
        guard.check(bearer(issuer.token(exp=NOON)))
