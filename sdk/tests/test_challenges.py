"""The challenge of a refusal: the parameters of `WWW-Authenticate: Bearer` (RFC 6750 §3)."""

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.bearer import challenge


def said(*headers: str | bytes) -> dict[str, str]:
    pairs = [
        (b"www-authenticate", header if isinstance(header, bytes) else header.encode())
        for header in headers
    ]
    return challenge(httpx2.Response(401, headers=pairs))


WRITTEN = {
    'Bearer error="invalid_token"': {"error": "invalid_token"},
    "bearer error=invalid_token": {"error": "invalid_token"},
    'BEARER ERROR = "invalid_token"': {"error": "invalid_token"},
    'Bearer realm="a, b", error="x"': {"realm": "a, b", "error": "x"},
    'Bearer realm="say \\"hi\\"",error="x"': {"realm": 'say "hi"', "error": "x"},
    'Bearer error="", scope="a b"': {"error": "", "scope": "a b"},
    'Bearer , , error="x",': {"error": "x"},
    "Bearer": {},
    "": {},
    'Basic realm="x"': {},
    'Bearers error="invalid_token"': {},
    "Negotiate abc==": {},
}


@pytest.mark.parametrize(("header", "parameters"), WRITTEN.items(), ids=WRITTEN)
def test_every_way_to_write_a_challenge_is_read(header: str, parameters: dict[str, str]) -> None:
    """RFC 9110 §11.2, §11.6.1: names are case-insensitive, values tokens or quoted strings."""
    assert said(header) == parameters


def test_a_server_without_a_challenge_says_nothing() -> None:
    assert said() == {}


def test_of_several_headers_the_one_for_bearer_tokens_counts() -> None:
    headers = ('Basic realm="x", error="no"', 'Bearer error="invalid_token"')

    assert said(*headers) == said(*reversed(headers)) == {"error": "invalid_token"}


TOGETHER = [
    'Basic realm="x", Bearer error="invalid_token"',
    'Bearer error="invalid_token", Basic realm="x"',
    'Bearer error="invalid_token", DPoP error="use_dpop_nonce", algs="ES256"',
    'DPoP error="use_dpop_nonce", algs="ES256", Bearer error="invalid_token"',
    'Negotiate, Bearer error="invalid_token"',
    'Negotiate abc==, Bearer error="invalid_token"',
    'Basic realm="Bearer error=\\"x\\"", Bearer error="invalid_token"',
]


@pytest.mark.parametrize("header", TOGETHER)
def test_several_challenges_may_share_a_header(header: str) -> None:
    """RFC 9110 §11.6.1: a field may hold more than one, and each has its own parameters."""
    assert said(header) == {"error": "invalid_token"}


names = st.text("abcdefghijklmnopqrstuvwxyz_-", min_size=1)
values = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]))


@given(st.dictionaries(names, values))
def test_whatever_is_quoted_comes_back(parameters: dict[str, str]) -> None:
    """RFC 9110 §5.6.4: a backslash takes the next octet as it is."""

    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
    assert said(f"Bearer {header}") == parameters


@given(st.binary() | st.binary().map(lambda content: b"Bearer " + content))
@example(b'Bearer error="invalid_token')
@example(b"Bearer " + b'a="\\' * 5000)
def test_any_header_can_be_read(header: bytes) -> None:
    assert all(name == name.lower() for name in said(header))
