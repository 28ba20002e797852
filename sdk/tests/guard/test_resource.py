"""What an API must say of itself before it is guarded."""

from typing import Any

import pytest

from flextell_sdk.errors import ServerMisconfigured
from flextell_sdk.guard import Resource
from sdk.tests.guard.issuer import AUDIENCE, ISSUER

PROVES: dict[str, Any] = {"client_id": "clinic", "client_secret": "s3cret"}


@pytest.mark.parametrize("proof", [{}, {"client_id": "clinic"}, {"client_secret": "s3cret"}])
def test_who_cannot_hear_of_revoked_tokens_must_say_what_that_means(proof: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="revoked_tokens_work_until_they_expire"):
        Resource(ISSUER, AUDIENCE, **proof)

    Resource(ISSUER, AUDIENCE, **proof, revoked_tokens_work_until_they_expire=True)


def test_who_can_hear_of_them_does_not_give_it_up() -> None:
    with pytest.raises(ValueError, match="not both"):
        Resource(ISSUER, AUDIENCE, **PROVES, revoked_tokens_work_until_they_expire=True)


@pytest.mark.parametrize("issuer", ["http://id.example", "id.example", "ftp://id.example", ""])
def test_tokens_of_a_server_without_tls_are_not_taken(issuer: str) -> None:
    """RFC 8414 §2: the issuer is an https URL."""
    with pytest.raises(ServerMisconfigured):
        Resource(issuer, AUDIENCE, **PROVES)


def test_plain_http_on_this_machine_has_a_long_name() -> None:
    allowed: dict[str, Any] = {"allow_plain_http_on_loopback_for_development": True, **PROVES}

    Resource("http://127.0.0.1:8000", AUDIENCE, **allowed)
    with pytest.raises(ServerMisconfigured):
        Resource("http://id.example", AUDIENCE, **allowed)


def test_without_an_audience_every_token_would_do() -> None:
    """RFC 9068 §4: aud MUST be validated."""
    with pytest.raises(ValueError, match="audience"):
        Resource(ISSUER, "", **PROVES)


@pytest.mark.parametrize("realm", ['a"b', "a\\b", "a\r\nb", "caf\xe9"])
def test_a_realm_that_would_break_the_challenge_is_refused(realm: str) -> None:
    """RFC 9110 §5.6.4."""
    with pytest.raises(ValueError, match="realm"):
        Resource(ISSUER, AUDIENCE, realm=realm, **PROVES)


def test_the_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(Resource(ISSUER, AUDIENCE, **PROVES))
