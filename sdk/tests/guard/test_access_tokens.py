"""Which access tokens are good (RFC 9068 §4, RFC 8725 §3)."""

import contextlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from flextell_sdk.guard import Caller, ExpiredToken, MalformedToken, MissingScope, Refusal
from sdk.tests.guard.issuer import AUDIENCE, KINDS, NOON, Issuer, bearer, encoded, new_key


def refused(issuer: Issuer, token: str) -> None:
    """It is told to be malformed, and the server is not the reason."""
    with pytest.raises(MalformedToken):
        issuer.guard().check(bearer(token))


def test_a_good_token_says_who_calls() -> None:
    issuer = Issuer()

    caller = issuer.guard().check(bearer(issuer.token()), "customers:read")

    assert caller == Caller(
        subject="alice",
        client_id="photos",
        scopes=frozenset({"customers:read", "account:read"}),
        jti="grant-1.1",
        expires_at=NOON + 3600,
        claims={},
    )
    assert caller.claims["aud"] == AUDIENCE


def test_what_a_token_says_cannot_be_changed_and_is_not_shown() -> None:
    issuer = Issuer()
    caller = issuer.guard().check(bearer(issuer.token(email="alice@example.com")))

    with pytest.raises(TypeError):
        caller.claims["sub"] = "bob"  # type: ignore[index]
    assert "alice@example.com" not in repr(caller)


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_signature_of_any_key_pair_is_good(algorithm: str) -> None:
    """RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2."""
    key = new_key("k", algorithm)
    issuer = Issuer(key=key, published=[key.as_dict()])

    assert issuer.guard().check(bearer(issuer.token())).subject == "alice"


@pytest.mark.parametrize("curve", ["Ed25519", "Ed448"])
def test_the_older_name_of_edwards_curves_is_good(curve: str) -> None:
    """RFC 8037 §3.1."""
    key = jwk.OKPKey.generate_key(curve, {"kid": "k", "alg": "EdDSA"})  # type: ignore[arg-type]
    issuer = Issuer(key=key, published=[key.as_dict()])

    assert issuer.guard().check(bearer(issuer.token())).subject == "alice"


def test_a_key_without_an_algorithm_is_good_for_those_of_its_kind() -> None:
    """RFC 7517 §4.4: alg is OPTIONAL."""
    key = new_key("k", "PS256")
    public = {name: value for name, value in key.as_dict().items() if name != "alg"}
    issuer = Issuer(key=key, published=[public])

    assert issuer.guard().check(bearer(issuer.token())).subject == "alice"


def test_a_key_is_not_used_for_another_algorithm_than_its_own() -> None:
    """RFC 8725 §3.1: each key MUST be used with exactly one algorithm."""
    key = new_key("k", "RS256")
    issuer = Issuer(key=key, published=[{**key.as_dict(), "alg": "PS256"}])

    refused(issuer, issuer.token())


def test_a_token_without_kid_is_good_where_a_key_has_none() -> None:
    """RFC 7515 §4.1.4: kid is OPTIONAL."""
    key = jwk.ECKey.generate_key("P-256", {"alg": "ES256"})
    issuer = Issuer(key=key, published=[key.as_dict()])

    assert issuer.guard().check(bearer(issuer.token())).subject == "alice"


def test_the_public_key_is_no_shared_secret() -> None:
    """RFC 8725 §2.1: the classic confusion of RS256 and HS256."""
    key = jwk.RSAKey.generate_key(2048, {"kid": "k", "alg": "RS256"})
    issuer = Issuer(key=key, published=[key.as_dict()])
    header = encoded(b'{"alg":"HS256","typ":"at+jwt","kid":"k"}')
    message = f"{header}.{issuer.token().split('.')[1]}"
    mac = hmac.new(key.as_pem(private=False), message.encode(), "sha256").digest()

    refused(issuer, f"{message}.{encoded(mac)}")
    assert not issuer.asked


def test_a_token_without_a_signature_is_nothing() -> None:
    """RFC 9068 §4: the alg value MUST NOT be none."""
    issuer = Issuer()
    header = encoded(b'{"alg":"none","typ":"at+jwt"}')
    payload = issuer.token().split(".")[1]

    refused(issuer, f"{header}.{payload}.")
    assert not issuer.asked


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": 1},
        {"kid": 1},
        {"alg": "ES384"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
    ],
    ids=str,
)
def test_a_header_that_is_not_an_access_tokens_is_refused(header: dict[str, Any]) -> None:
    """RFC 9068 §4 (typ), RFC 7515 §4.1.11 (crit)."""
    issuer = Issuer()

    refused(issuer, issuer.token(header))


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_type_is_a_media_type(typ: str) -> None:
    """RFC 9068 §4: at+jwt or application/at+jwt; RFC 7515 §4.1.9."""
    issuer = Issuer()

    assert issuer.guard().check(bearer(issuer.token({"typ": typ}))).subject == "alice"


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]])
def test_a_token_for_this_api_and_others_is_good(audience: object) -> None:
    """RFC 9068 §4: aud contains a resource indicator value of this resource server."""
    issuer = Issuer()

    assert issuer.guard().check(bearer(issuer.token(aud=audience))).subject == "alice"


@pytest.mark.parametrize("claim", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
def test_a_token_that_lacks_a_claim_is_refused(claim: str) -> None:
    """RFC 9068 §2.2: REQUIRED."""
    issuer = Issuer()

    refused(issuer, issuer.token(**{claim: None}))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://id.example/"},
        {"iss": "https://evil.example"},
        {"aud": "https://clinic.example/"},
        {"aud": ["https://other.example"]},
        {"aud": []},
        {"aud": {AUDIENCE: 1}},
        {"aud": AUDIENCE + " https://other.example"},
        {"sub": ""},
        {"sub": 7},
        {"client_id": ["photos"]},
        {"jti": 1},
        {"exp": "1795438800"},
        {"exp": True},
        {"exp": [NOON + 3600]},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"iat": {}},
        {"nbf": "soon"},
        {"nbf": NOON + 6},
        {"scope": ["customers:read"]},
        {"scope": 1},
    ],
    ids=str,
)
def test_a_claim_that_is_another_is_refused(changed: dict[str, Any]) -> None:
    """RFC 9068 §4; a time that is not finite would never be over."""
    issuer = Issuer()

    refused(issuer, issuer.token(**changed))


def test_a_token_of_a_server_whose_clock_is_a_little_ahead_is_good() -> None:
    issuer = Issuer()

    assert issuer.guard().check(bearer(issuer.token(nbf=NOON + 5))).subject == "alice"


def test_a_token_lives_until_its_time_and_no_longer_remembered_or_not() -> None:
    """RFC 7519 §4.1.4: on or after exp it MUST NOT be accepted."""
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token(exp=NOON + 60))
    issuer.clock.advance(59.9)
    assert guard.check(token).subject == "alice"
    issuer.clock.advance(0.1)

    for each in (guard, issuer.guard()):
        with pytest.raises(ExpiredToken):
            each.check(token)


def test_a_token_without_scope_opens_only_what_needs_none() -> None:
    """RFC 9068 §2.2.3: scope is only there if it was asked for."""
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token(scope=None))

    assert guard.check(token).scopes == frozenset()
    with pytest.raises(MissingScope):
        guard.check(token, "customers:read")


def test_one_of_the_scopes_is_enough_and_all_may_be_asked_for_one_by_one() -> None:
    issuer = Issuer()

    caller = issuer.guard().check(bearer(issuer.token()), "tenants:read", "account:read")

    caller.need("customers:read")
    caller.need()
    with pytest.raises(MissingScope) as refusal:
        caller.need("tenants:read", "tenants:write")
    assert refusal.value.scope == "tenants:read"


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "null",
        '"text"',
        "{",
        '{"iss": NaN}',
        "[" * 3000,
        '{"a":' * 1200 + "1" + "}" * 1200,
        b"\xff\xfe",
        '{"exp": ' + "9" * 5000 + "}",
    ],
    ids=range(10),
)
def test_signed_nonsense_is_refused(payload: str | bytes) -> None:
    issuer = Issuer()

    refused(issuer, issuer.signed(payload))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        '{"a":' * 1000 + "1" + "}" * 1000,
        "[]",
        "1",
        '"at+jwt"',
        "\x00",
        '{"alg": ["ES256"], "typ": "at+jwt"}',
        '{"alg": {}, "typ": "at+jwt"}',
    ],
    ids=range(8),
)
def test_a_header_that_is_none_is_refused_without_asking_anybody(text: str) -> None:
    issuer = Issuer()
    header = encoded(text.encode())

    refused(issuer, f"{header}.e30.AAAA")
    assert not issuer.asked


def test_a_token_that_was_changed_is_refused() -> None:
    """RFC 7515 §5.2."""
    issuer = Issuer()
    head, body, signature = issuer.token().split(".")
    other = issuer.token(sub="bob").split(".")[1]

    for forged in (
        f"{head}.{other}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.{signature}AAAA",
        f"{head}.{body}.{signature}=",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.",
        f"{head}.{body}..{signature}",
        f"{head}.{body}~.{signature}",
        f"{head}.{body}.{'A' * 86}",
    ):
        refused(issuer, forged)


def test_one_token_is_one_text() -> None:
    """RFC 4648 §3.5: bits that nobody reads must be zero, or a token would have many texts."""
    issuer = Issuer()
    token = issuer.token()
    same = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = same[same.index(token[-1]) ^ 1]

    refused(issuer, token[:-1] + last)


@given(st.lists(st.sampled_from(["a", "e30", "AAAA", "", "=", "."]) | st.text(), max_size=5))
def test_anything_with_dots_is_refused_and_nothing_worse(parts: list[str]) -> None:
    issuer = Issuer()

    with pytest.raises(Refusal):
        issuer.guard().check(f"Bearer {'.'.join(parts)}")


ANY_JSON = st.recursive(
    st.sampled_from([None, True, 0, -1.5, "", "ES256", "at+jwt", "first", "none", "HS256"])
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "x"]),
        ANY_JSON,
    )
)
def test_a_token_with_any_header_is_refused_and_nothing_worse(header: dict[str, Any]) -> None:
    issuer = Issuer()
    first = encoded(json.dumps(header).encode())

    refused(issuer, ".".join((first, *issuer.token().split(".")[1:-1], "A" * 86)))


@given(st.sampled_from(["typ", "kid", "crit", "alg"]), ANY_JSON)
def test_what_the_server_signs_is_good_or_refused_and_nothing_worse(name: str, value: Any) -> None:
    issuer = Issuer()

    with contextlib.suppress(Refusal):
        assert issuer.guard().check(bearer(issuer.token({name: value}))).subject == "alice"
