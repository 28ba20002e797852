"""What scopes mean and how they are written (RFC 6749 §3.3, §6)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell.oauth import scopes
from flextell.oauth.errors import InvalidScope
from flextell.oauth.model import Scopes
from flextell.oauth.scopes import ALIASES, CATALOGUE
from tests.oauth.asked import check_fit_to_send
from tests.world import PHONE, PHOTOS

known = st.sampled_from([*CATALOGUE, *ALIASES])
some = st.frozensets(st.sampled_from(list(CATALOGUE)))
asked_text = st.none() | st.lists(known, min_size=1, max_size=6).map(" ".join) | st.text()


@given(asked_text, some, some)
@example("read write", frozenset({"account:read"}), frozenset())
def test_never_more_is_allowed_than_was_registered(
    asked: str | None, registered: Scopes, default: Scopes
) -> None:
    """RFC 6749 §3.3: the server may ignore part of the scope, never add to it."""
    try:
        allowed = scopes.allowed(asked, registered, default)
    except InvalidScope:
        return
    assert allowed
    assert allowed <= registered


@given(asked_text, some)
def test_never_more_comes_back_than_was_granted(asked: str | None, granted: Scopes) -> None:
    """RFC 6749 §6: the scope MUST NOT include any scope not originally granted."""
    try:
        assert scopes.narrowed(asked, granted) <= granted
    except InvalidScope:
        assert asked is not None


@given(some)
def test_scopes_are_written_and_read_back(some: Scopes) -> None:
    """RFC 6749 §3.3: space-delimited; the order does not matter."""
    written = scopes.text(some)
    assert scopes.stored(written) == some
    assert written.split() == sorted(some)
    if some:
        assert scopes.parse(written) == some


@given(st.text())
@example("openid  profile")
@example(" openid")
@example("openid\tprofile")
@example('open"id')
def test_arbitrary_text_is_known_scopes_or_invalid(text: str) -> None:
    try:
        assert scopes.parse(text) <= CATALOGUE.keys()
    except InvalidScope as refusal:
        check_fit_to_send(refusal)


@pytest.mark.parametrize(
    "text", ["", " ", " openid", "openid ", "openid  email", "openid\temail", 'a"b', "a\\b", "é"]
)
def test_scopes_are_tokens_joined_by_single_spaces(text: str) -> None:
    """RFC 6749 §3.3: scope = scope-token *( SP scope-token )."""
    with pytest.raises(InvalidScope, match="separated by single spaces"):
        scopes.parse(text)


def test_scopes_are_case_sensitive() -> None:
    """RFC 6749 §3.3: a list of space-delimited, case-sensitive strings."""
    with pytest.raises(InvalidScope, match="does not exist"):
        scopes.parse("OpenID")


def test_absent_scope_means_the_default_of_the_client() -> None:
    """RFC 6749 §3.3: the server MUST use a pre-defined default or fail."""
    assert scopes.allowed(None, PHOTOS.scopes, PHOTOS.default_scopes) == PHOTOS.default_scopes
    with pytest.raises(InvalidScope, match="no default scope"):
        scopes.allowed(None, PHOTOS.scopes, frozenset())


def test_a_default_that_is_no_longer_registered_is_not_allowed() -> None:
    default = frozenset({"customers:read", "customers:write"})
    assert scopes.allowed(None, frozenset({"customers:read"}), default) == {"customers:read"}
    with pytest.raises(InvalidScope):
        scopes.allowed(None, frozenset({"account:read"}), default)


def test_a_scope_of_another_client_is_refused() -> None:
    """RFC 6749 §4.1.2.1 invalid_scope."""
    with pytest.raises(InvalidScope, match="may not use"):
        scopes.allowed("customers:write", PHONE.scopes, PHONE.default_scopes)


def test_an_unknown_scope_is_refused_without_echo() -> None:
    """RFC 6749 §4.1.2.1 invalid_scope; the name would be text from a stranger."""
    with pytest.raises(InvalidScope) as refused:
        scopes.allowed("customers:read secrets:everything", PHOTOS.scopes, PHOTOS.default_scopes)
    assert "everything" not in refused.value.description


@pytest.mark.parametrize(
    ("alias", "meaning"),
    [
        ("read:contacts", {"customers:read"}),
        ("write:contacts", {"customers:write"}),
        ("read:messages", {"conversations:read"}),
        ("write:messages", {"conversations:write"}),
        ("read:account", {"account:read"}),
        ("write:customers", {"customers:write"}),
    ],
)
def test_older_names_mean_the_scopes_they_became(alias: str, meaning: set[str]) -> None:
    assert scopes.parse(alias) == meaning
    assert scopes.allowed(alias, frozenset(meaning), frozenset()) == meaning


def test_read_means_all_that_the_client_may_read() -> None:
    assert scopes.allowed("read", PHOTOS.scopes, frozenset()) == {"account:read", "customers:read"}
    assert scopes.allowed("write", PHOTOS.scopes, frozenset()) == {"customers:write"}
    with pytest.raises(InvalidScope):
        scopes.allowed("write", PHONE.scopes, frozenset())


@pytest.mark.parametrize("scope", CATALOGUE)
def test_every_scope_has_a_plain_sentence_and_a_kind(scope: str) -> None:
    assert scopes.sentence(scope).endswith(".")
    assert (CATALOGUE[scope].kind == "change") == scope.endswith(":write")


def test_narrowing_keeps_all_without_a_wish_and_the_part_that_was_wished() -> None:
    """RFC 6749 §6: omitted means equal to the scope originally granted."""
    granted = frozenset({"account:read", "customers:read"})
    assert scopes.narrowed(None, granted) == granted
    assert scopes.narrowed("customers:read", granted) == {"customers:read"}
    with pytest.raises(InvalidScope):
        scopes.narrowed("customers:read customers:write", granted)


def test_covers_asks_for_all_that_is_needed() -> None:
    both = frozenset({"account:read", "customers:read"})
    assert scopes.covers(both, frozenset({"account:read"}))
    assert scopes.covers(both, both)
    assert not scopes.covers(frozenset({"account:read"}), both)
