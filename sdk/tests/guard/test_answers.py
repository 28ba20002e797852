"""What is sent to whom the guard refuses (RFC 6750 §3). Compared with our API in tests/together."""

import json

import pytest

from flextell_sdk.errors import FlextellError
from flextell_sdk.guard import (
    ExpiredToken,
    MalformedToken,
    MissingScope,
    MissingToken,
    Refusal,
    Resource,
    RevokedToken,
    Unavailable,
)
from sdk.tests.guard.issuer import AUDIENCE, ISSUER, RESOURCE, Issuer

TOKEN_REFUSALS: list[Refusal] = [
    MissingToken(),
    MalformedToken(),
    ExpiredToken(),
    RevokedToken(),
    MissingScope(("customers:read", "tenants:read")),
]


def header(refusal: Refusal, name: str, resource: Resource = RESOURCE) -> str | None:
    """One header of the answer."""
    return dict(Issuer().guard(resource).answer(refusal).headers).get(name)


def test_the_status_and_code_of_each_refusal() -> None:
    """RFC 6750 §3.1."""
    answers = [Issuer().guard().answer(refusal) for refusal in [*TOKEN_REFUSALS, Unavailable()]]

    assert [(answer.status, json.loads(answer.body)["error"]) for answer in answers] == [
        (401, "unauthorized"),
        (401, "invalid_token"),
        (401, "invalid_token"),
        (401, "invalid_token"),
        (403, "insufficient_scope"),
        (503, "service_unavailable"),
    ]
    assert all(set(json.loads(answer.body)) == {"error", "message"} for answer in answers)


@pytest.mark.parametrize("refusal", TOKEN_REFUSALS, ids=lambda refusal: type(refusal).__name__)
def test_every_refusal_of_a_token_comes_with_a_challenge(refusal: Refusal) -> None:
    """RFC 6750 §3: MUST include WWW-Authenticate with the scheme Bearer."""
    challenge = header(refusal, "www-authenticate")

    assert challenge is not None
    assert challenge.startswith(f'Bearer realm="{ISSUER}"')
    assert ('error="' in challenge) is not isinstance(refusal, MissingToken)
    assert ('scope="' in challenge) is isinstance(refusal, MissingScope)
    assert (refusal.message in challenge) is not isinstance(refusal, MissingToken)


def test_the_realm_may_be_another() -> None:
    resource = Resource(ISSUER, AUDIENCE, "clinic", "s3cret", realm="The clinic")

    assert header(MissingToken(), "www-authenticate", resource) == 'Bearer realm="The clinic"'


def test_who_cannot_be_judged_is_told_when_to_come_back_and_is_not_accused() -> None:
    """RFC 9110 §10.2.3."""
    assert header(Unavailable(), "retry-after") == "2"
    assert header(Unavailable(), "www-authenticate") is None


def test_answers_are_kept_by_nobody() -> None:
    """RFC 6750 §5.3."""
    assert header(RevokedToken(), "cache-control") == "no-store"
    assert header(RevokedToken(), "content-type") == "application/json"


def test_a_refusal_says_why_where_it_is_logged() -> None:
    assert issubclass(Refusal, FlextellError)
    assert str(ExpiredToken()).startswith("The access token has expired.")
