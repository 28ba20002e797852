"""What the answers of the token endpoint are worth (RFC 6749 §5)."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.errors import (
    FlextellError,
    ServerMisconfigured,
    TokenRequestRefused,
    Unreachable,
)
from flextell_sdk.token_endpoint import (
    Heard,
    check_revoked,
    read_tokens,
)
from flextell_sdk.tokens import Tokens
from sdk.tests.clock import NOON
from sdk.tests.strategies import any_json
from sdk.tests.world import SCOPE

SAID: dict[str, Any] = {
    "access_token": "the access token",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "the refresh token",
    "scope": "account:read",
}
BEFORE = Tokens("old access", "old refresh", "old:scope", NOON, 60.0, "old id", 3.0, version=7)


ECHO = "the-refresh-token-in-an-error-of-the-server"


def heard(said: object, status: int = 200) -> Heard:
    request = httpx2.Request("POST", "https://auth.example/token", data={"refresh_token": ECHO})
    response = httpx2.Response(
        status, content=json.dumps(said), headers={"request-id": "r-1"}, request=request
    )
    return Heard(response, NOON, 0.5)


def tokens_of(said: object, before: Tokens | None = None, asked_scope: str = SCOPE) -> Tokens:
    return read_tokens(heard(said), before, asked_scope)


def test_tokens_are_read_with_the_moment_at_which_they_expire() -> None:
    """RFC 6749 §5.1. It counts from when we asked, by the server's clock."""
    assert tokens_of({**SAID, "id_token": "x.y.z"}) == Tokens(
        access_token="the access token",
        refresh_token="the refresh token",
        scope="account:read",
        expires_at=NOON + 3600,
        lifetime=3600.0,
        id_token="x.y.z",
        clock_offset=0.5,
        version=1,
    )


@pytest.mark.parametrize("token_type", ["bearer", "BEARER", "Bearer"])
def test_the_case_of_the_token_type_does_not_matter(token_type: str) -> None:
    """RFC 6749 §5.1: the value is case insensitive."""
    assert tokens_of({**SAID, "token_type": token_type}).access_token == "the access token"


@pytest.mark.parametrize("token_type", ["DPoP", "mac", "", None, 7])
def test_tokens_of_a_kind_that_we_cannot_use_are_refused(token_type: object) -> None:
    """RFC 6749 §7.1: a client MUST NOT use a token whose type it does not understand."""
    with pytest.raises(ServerMisconfigured, match="bearer"):
        tokens_of({**SAID, "token_type": token_type})


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in SAID.items() if name not in names}


def test_a_refresh_that_does_not_rotate_leaves_the_refresh_token() -> None:
    """RFC 6749 §6."""
    new = tokens_of(without("refresh_token", "scope"), BEFORE)

    assert (new.refresh_token, new.scope, new.id_token) == ("old refresh", "old:scope", "old id")
    assert (new.access_token, new.version) == ("the access token", 8)


def test_what_a_server_does_not_say_of_the_scope_is_as_it_was_asked_for() -> None:
    """RFC 6749 §5.1: OPTIONAL if identical to what was requested."""
    assert tokens_of(without("scope")).scope == SCOPE


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (60, 60.0),
        (59.5, 59.5),
        ("3600", 3600.0),
        (None, None),
        ("soon", None),
        (0, None),
        (-1, None),
        (10**30, None),
        ([60], None),
        (True, None),
        ("nan", None),
    ],
)
def test_a_lifetime_may_be_text_and_must_make_sense(
    expires_in: object, lifetime: float | None
) -> None:
    tokens = tokens_of({**SAID, "expires_in": expires_in})

    assert tokens.lifetime == lifetime
    assert tokens.expires_at == (None if lifetime is None else NOON + lifetime)


ODD = {
    "no access token": without("access_token"),
    "an empty access token": {**SAID, "access_token": ""},
    "an access token that is no text": {**SAID, "access_token": 7},
    "no token type": without("token_type"),
    "a refresh token that is no text": {**SAID, "refresh_token": ["rt"]},
    # A header can carry no such thing, and what refuses to send it names it in its own error.
    "an access token with a new line": {**SAID, "access_token": "at\r\nx-evil: 1"},
    "an access token that is not ASCII": {**SAID, "access_token": "äccess"},
}


@pytest.mark.parametrize("said", ODD.values(), ids=ODD)
def test_an_answer_that_lacks_what_it_must_have_is_a_mistake_of_the_server(
    said: dict[str, Any],
) -> None:
    """RFC 6749 §5.1, appendix A.12."""
    with pytest.raises(ServerMisconfigured):
        tokens_of(said)


@pytest.mark.parametrize("odd", [["a", "b"], {"a": 1}, 7, True])
def test_a_scope_that_is_no_text_is_never_taken_for_one(odd: object) -> None:
    assert tokens_of({**SAID, "scope": odd}).scope == SCOPE


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"access_token": "a', b"[]", b"null", b"7"])
def test_a_success_that_is_no_json_object_is_no_answer(content: bytes) -> None:
    """It may be cut short, or of somebody between us and the server: worth another try."""
    response = httpx2.Response(200, content=content)

    with pytest.raises(Unreachable, match="not a JSON object"):
        read_tokens(Heard(response, NOON, 0.0), None, SCOPE)


def test_a_refusal_says_what_the_server_said() -> None:
    """RFC 6749 §5.2."""
    said = {"error": "invalid_grant", "error_description": "The code was used."}
    with pytest.raises(TokenRequestRefused) as refusal:
        read_tokens(heard(said, 400), None, SCOPE)

    problem = refusal.value
    assert (problem.error, problem.description) == ("invalid_grant", "The code was used.")
    assert (problem.status, problem.request_id) == (400, "r-1")
    assert str(problem) == "invalid_grant: The code was used. (request r-1)"


@pytest.mark.parametrize("said", ["invalid_grant", ["error"], {"error": 7}, {}, None])
def test_an_error_that_does_not_say_which_is_no_answer(said: object) -> None:
    with pytest.raises(Unreachable, match="503"):
        read_tokens(heard(said, 503), None, SCOPE)


def test_a_token_that_the_server_does_not_know_is_revoked() -> None:
    """RFC 7009 §2.2: 200 for an invalid token as well; the body is ignored."""
    check_revoked(httpx2.Response(200, content=b"anything"))


def test_a_revocation_that_was_refused_is_none() -> None:
    """RFC 7009 §2.2.1."""
    with pytest.raises(TokenRequestRefused, match="unsupported_token_type"):
        check_revoked(heard({"error": "unsupported_token_type"}, 400).response)


MEMBERS = (*SAID, "id_token", "error", "error_description")


@given(
    any_json
    | st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, any_json))
    | st.tuples(st.sampled_from(MEMBERS), any_json).map(lambda pair: {**SAID, pair[0]: pair[1]}),
    st.sampled_from([200, 400, 401, 500]),
    st.none() | st.just(BEFORE),
)
@example({**SAID, "expires_in": 10**400}, 200, None)
def test_any_answer_is_tokens_or_an_error_of_ours(
    said: object, status: int, before: Tokens | None
) -> None:
    try:
        tokens = read_tokens(heard(said, status), before, SCOPE)
    except FlextellError:
        return
    assert tokens.access_token
    assert Tokens.from_bytes(tokens.to_bytes()) == tokens


def test_a_server_that_repeats_the_token_in_its_error_does_not_make_us_repeat_it() -> None:
    """No text of an error holds a token, whoever wrote it."""
    said = {"error": "invalid_grant", "error_description": f"{ECHO} was revoked."}
    with pytest.raises(TokenRequestRefused) as refusal:
        read_tokens(heard(said, 400), Tokens("access", ECHO), SCOPE)

    assert ECHO not in f"{refusal.value} {refusal.value!r} {refusal.value.description}"


def test_no_repr_tells_a_secret() -> None:
    shown = f"{tokens_of({**SAID, 'id_token': 'the id token'})!r} {heard(SAID)!r}"

    secrets = ("the access token", "the refresh token", "the id token")
    assert not [secret for secret in secrets if secret in shown]
