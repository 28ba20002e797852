"""The token in a request's Authorization headers (RFC 6750 §2.1)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.guard import MalformedToken, MissingToken, Refusal
from flextell_sdk.guard.authorization import MAXIMUM_TOKEN_CHARACTERS, token_in
from sdk.tests.guard.issuer import Issuer


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_comes_in_the_header(scheme: str) -> None:
    """RFC 6750 §2.1; RFC 9110 §11.1: the scheme has no case."""
    assert token_in([f"{scheme} mF_9.B5f-4.1JqM"]) == "mF_9.B5f-4.1JqM"


def test_one_header_may_be_given_as_it_is() -> None:
    assert token_in("Bearer a.b.c") == token_in(iter(["Bearer a.b.c"])) == "a.b.c"


@pytest.mark.parametrize(
    "headers", [None, [], "", [""], ["Basic cGhvdG9z"], ["Bearer"], ["Bearer "], ["x"]]
)
def test_no_bearer_token_is_no_attempt(headers: str | list[str] | None) -> None:
    """RFC 6750 §3.1: a request that lacks any authentication information."""
    with pytest.raises(MissingToken):
        token_in(headers)


@pytest.mark.parametrize(
    "headers",
    [
        ["Bearer a b"],
        ["Bearer  a"],
        ["Bearer a "],
        ['Bearer "a"'],
        ["Bearer a,b"],
        ["Bearer =a"],
        ["Bearer \xe9"],
        ["Bearer \ud800"],
        ["Bearer a\n"],
        ["Bearer a", "Bearer a"],
        ["Bearer a", "Basic b"],
        ["Bearer " + "a" * (MAXIMUM_TOKEN_CHARACTERS + 1)],
    ],
)
def test_a_token_that_is_none_is_malformed(headers: list[str]) -> None:
    """RFC 6750 §2.1 (syntax), §3.1 invalid_token."""
    with pytest.raises(MalformedToken):
        token_in(headers)


ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@given(st.none() | ANY_TEXT | st.lists(ANY_TEXT | ANY_TEXT.map("Bearer {}".format), max_size=3))
@example(["Bearer " + "a." * 4096])
@example(b"Bearer \xff\x00.\x80.".decode("latin-1"))
def test_whatever_the_headers_hold_is_refused_and_nothing_worse(
    headers: str | list[str] | None,
) -> None:
    """Nobody is asked about what cannot be a token."""
    issuer = Issuer()

    with pytest.raises(Refusal):
        issuer.guard().check(headers)
    assert not issuer.asked
