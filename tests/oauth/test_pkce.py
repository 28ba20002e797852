"""Proof Key for Code Exchange (RFC 7636)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.oauth import pkce
from flextell.oauth.errors import InvalidGrant, InvalidRequest
from tests.oauth.asked import CHALLENGE, VERIFIER

unreserved = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
verifiers = st.text(unreserved, min_size=43, max_size=128)


def test_the_worked_example_of_the_standard() -> None:
    """RFC 7636 appendix B."""
    assert pkce.challenge_of(VERIFIER) == CHALLENGE


@given(verifiers)
def test_a_verifier_proves_its_own_challenge(verifier: str) -> None:
    """RFC 7636 §4.2, §4.6."""
    challenge = pkce.check_challenge(pkce.challenge_of(verifier), "S256", required=True)
    assert challenge is not None
    pkce.check_verifier(challenge, verifier)


@given(verifiers, verifiers)
def test_no_other_verifier_does(one: str, other: str) -> None:
    """RFC 7636 §4.6: if the values are not equal, an error MUST be returned."""
    if one != other:
        with pytest.raises(InvalidGrant, match="does not match"):
            pkce.check_verifier(pkce.challenge_of(one), other)


@pytest.mark.parametrize(
    "verifier",
    ["", "a" * 42, "a" * 129, "a" * 42 + " ", "a" * 42 + "+", "a" * 43 + "\n", "é" * 43, "٣" * 43],
)
def test_a_verifier_is_43_to_128_unreserved_characters(verifier: str) -> None:
    """RFC 7636 §4.1."""
    with pytest.raises(InvalidGrant):
        pkce.check_verifier(CHALLENGE, verifier)


def test_a_challenge_that_was_sent_must_be_met() -> None:
    """RFC 7636 §4.6, RFC 9700 §2.1.1."""
    with pytest.raises(InvalidGrant, match="code_verifier is missing"):
        pkce.check_verifier(CHALLENGE, None)


def test_a_verifier_without_a_challenge_is_refused() -> None:
    """RFC 9700 §4.8.2: somebody may have stripped the challenge."""
    with pytest.raises(InvalidGrant, match="without PKCE"):
        pkce.check_verifier(None, VERIFIER)


def test_neither_is_fine_where_pkce_is_optional() -> None:
    pkce.check_verifier(None, None)
    assert pkce.check_challenge(None, None, required=False) is None


def test_a_client_that_must_use_pkce_is_told_so() -> None:
    """RFC 7636 §4.4.1: invalid_request, "code challenge required"."""
    with pytest.raises(InvalidRequest, match="must use PKCE"):
        pkce.check_challenge(None, None, required=True)


@pytest.mark.parametrize("method", [None, "plain", "s256", "S512"])
@pytest.mark.parametrize("required", [True, False])
def test_only_s256_is_accepted(method: str | None, required: bool) -> None:
    """RFC 7636 §4.3 (absent means plain), §4.4.1; RFC 9700 §2.1.1 (not plain)."""
    with pytest.raises(InvalidRequest, match="must be S256"):
        pkce.check_challenge(CHALLENGE, method, required)


@pytest.mark.parametrize(
    "challenge", ["a" * 42, "a" * 44, CHALLENGE + "=", "+" * 43, "a" * 42 + "\n", "é" * 43]
)
def test_a_challenge_is_43_characters_of_base64url(challenge: str) -> None:
    """RFC 7636 §4.2: BASE64URL-ENCODE of a SHA-256."""
    with pytest.raises(InvalidRequest, match="code_challenge must be"):
        pkce.check_challenge(challenge, "S256", required=False)


def test_a_method_without_a_challenge_is_a_mistake() -> None:
    """RFC 7636 §4.3: the method describes a challenge."""
    with pytest.raises(InvalidRequest, match="without code_challenge"):
        pkce.check_challenge(None, "S256", required=False)
