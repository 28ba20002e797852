"""The first half of a sign-in: the question that the person is sent with (RFC 6749 §4.1.1)."""

import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from flextell_sdk.app import App
from flextell_sdk.server import Server
from flextell_sdk.sign_in import (
    SignIn,
    challenge_of,
    finish_sign_in,
    start_sign_in,
)
from sdk.tests.clock import Clock
from sdk.tests.fake_server import CLIENT_ID, ISSUER, REDIRECT_URI
from sdk.tests.world import APP, SCOPE

SERVER = Server(ISSUER, f"{ISSUER}/oauth/authorize", f"{ISSUER}/oauth/token", names_itself=True)
SOURCES = Clock().sources()


def parameters_of(begun: SignIn) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(begun.url).query, keep_blank_values=True, strict_parsing=True))


def test_the_address_asks_for_a_code_and_commits_to_the_verifier() -> None:
    """RFC 6749 §4.1.1, RFC 7636 §4.3."""
    begun = start_sign_in(APP, SERVER, sources=SOURCES)

    assert begun.url.startswith(f"{ISSUER}/oauth/authorize?")
    assert parameters_of(begun) == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPE,
        "state": begun.remembered.state,
        "code_challenge": challenge_of(begun.remembered.verifier),
        "code_challenge_method": "S256",
    }


def test_what_is_remembered_is_what_the_answer_is_measured_by() -> None:
    kept = start_sign_in(APP, SERVER, sources=SOURCES).remembered

    expected = (ISSUER, CLIENT_ID, REDIRECT_URI, SCOPE, True)
    assert (kept.issuer, kept.client_id, kept.redirect_uri, kept.scope, kept.names_itself) == (
        expected
    )


def test_only_openid_takes_a_nonce() -> None:
    """OpenID Connect Core §3.1.2.1."""
    begun = start_sign_in(APP, SERVER, scope="openid", sources=SOURCES)

    assert parameters_of(begun)["nonce"] == begun.remembered.nonce
    assert parameters_of(begun)["scope"] == begun.remembered.scope == "openid"


def test_whatever_is_given_is_asked_for() -> None:
    app = replace(APP, resource="https://api.example")
    asked = parameters_of(
        start_sign_in(
            app,
            SERVER,
            redirect_uri="http://127.0.0.1:1234/",
            prompt="login",
            login_hint="alice@example.com",
            extra={"audience": "photos", "absent": ""},
            sources=SOURCES,
        )
    )

    expected = {
        "redirect_uri": "http://127.0.0.1:1234/",
        "prompt": "login",
        "login_hint": "alice@example.com",
        "resource": "https://api.example",
        "audience": "photos",
    }
    assert {name: asked[name] for name in expected} == expected
    assert "absent" not in asked


def test_nothing_is_asked_for_that_is_empty() -> None:
    """RFC 6749 §3.1: a parameter without a value MUST be treated as if it were left out."""
    app = App(ISSUER, CLIENT_ID)

    assert "" not in parameters_of(start_sign_in(app, SERVER, sources=SOURCES)).values()


def test_the_query_of_the_endpoint_is_kept() -> None:
    """RFC 6749 §3.1: it MUST be retained when parameters are added."""
    server = replace(SERVER, authorization_endpoint=f"{ISSUER}/authorize?tenant=7")

    asked = parameters_of(start_sign_in(APP, server, sources=SOURCES))
    assert (asked["tenant"], asked["response_type"]) == ("7", "code")


def test_the_worked_example_of_the_standard() -> None:
    """RFC 7636 appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_is_as_long_as_the_standard_asks() -> None:
    """RFC 7636 §4.1: 43 to 128 unreserved characters."""
    kept = start_sign_in(APP, SERVER, sources=SOURCES).remembered

    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", kept.verifier)


def test_no_secret_is_used_twice() -> None:
    begun = [start_sign_in(APP, SERVER, sources=SOURCES).remembered for _ in range(20)]
    secrets = {secret for kept in begun for secret in (kept.state, kept.verifier, kept.nonce)}

    assert len(secrets) == 60


def test_no_repr_tells_a_secret() -> None:
    begun = start_sign_in(APP, SERVER, sources=SOURCES)
    kept = begun.remembered
    code = finish_sign_in(f"?code=the+code&state={kept.state}&iss={ISSUER}", kept)
    shown = f"{begun!r} {kept!r} {code!r} {APP!r}"

    secrets = (kept.state, kept.verifier, kept.nonce, "the code", APP.client_secret or "")
    assert not [secret for secret in secrets if secret in shown]
