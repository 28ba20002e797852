"""What a person must be asked, and what their answer grants (RFC 6749 §4.1.1)."""

from hypothesis import given
from hypothesis import strategies as st

from flextell.oauth import consent
from flextell.oauth.consent import Question
from flextell.oauth.model import Consent, Scopes
from flextell.oauth.scopes import CATALOGUE
from tests.world import NOON, PHOTOS

READ = frozenset({"account:read"})
BOTH = frozenset({"account:read", "customers:read"})

some = st.frozensets(st.sampled_from(list(CATALOGUE)))


def remembered(scopes: Scopes) -> Consent:
    """What Alice allowed Photos an hour ago."""
    return Consent("sub-alice", PHOTOS.client_id, scopes, answered_at=NOON - 3600)


def test_all_is_new_to_somebody_who_was_never_asked() -> None:
    assert consent.question(BOTH, None) == Question(new=BOTH, known=frozenset())
    assert not consent.covered(BOTH, None)


def test_not_even_an_empty_request_is_covered_by_no_answer_at_all() -> None:
    assert not consent.covered(frozenset(), None)


def test_what_was_allowed_before_is_told_apart_from_what_is_new() -> None:
    assert consent.question(BOTH, remembered(READ)) == Question(new=BOTH - READ, known=READ)


def test_a_consent_covers_what_it_names_and_less() -> None:
    assert consent.covered(READ, remembered(BOTH))
    assert consent.covered(BOTH, remembered(BOTH))
    assert not consent.covered(BOTH, remembered(READ))


def test_yes_adds_to_what_was_allowed_before() -> None:
    said = consent.allow("sub-alice", PHOTOS.client_id, BOTH - READ, remembered(READ), NOON)
    assert said == Consent("sub-alice", PHOTOS.client_id, BOTH, answered_at=NOON)


@given(some, st.none() | some.map(remembered))
def test_every_scope_asked_is_shown_once(asked: Scopes, before: Consent | None) -> None:
    shown = consent.question(asked, before)
    assert shown.new | shown.known == asked
    assert not shown.new & shown.known
    if before is not None:
        assert consent.covered(asked, before) == (not shown.new)


@given(some, st.none() | some.map(remembered))
def test_yes_covers_exactly_what_was_asked_now_or_allowed_before(
    asked: Scopes, before: Consent | None
) -> None:
    said = consent.allow("sub-alice", PHOTOS.client_id, asked, before, NOON)
    assert consent.covered(asked, said)
    assert said.scopes == asked | (before.scopes if before else frozenset())
