"""What a refusal may say (RFC 6749 §4.1.2.1, §5.2)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import flextell.oauth
from flextell.oauth import authorize, errors
from flextell.oauth.errors import OAuthError

SOURCES = sorted(Path(flextell.oauth.__path__[0]).rglob("*.py"))

REGISTERED = {
    "AccessDenied": ("access_denied", 400),
    "ConsentRequired": ("consent_required", 400),
    "InvalidClient": ("invalid_client", 401),
    "InvalidGrant": ("invalid_grant", 400),
    "InvalidRequest": ("invalid_request", 400),
    "InvalidScope": ("invalid_scope", 400),
    "LoginRequired": ("login_required", 400),
    "RequestNotSupported": ("request_not_supported", 400),
    "RequestUriNotSupported": ("request_uri_not_supported", 400),
    "UnauthorizedClient": ("unauthorized_client", 400),
    "UnsupportedGrantType": ("unsupported_grant_type", 400),
    "UnsupportedResponseType": ("unsupported_response_type", 400),
}


def literals(expression: ast.expr) -> Iterator[str]:
    """The pieces of text written in an expression."""
    for part in ast.walk(expression):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def descriptions() -> Iterator[tuple[str, int, str]]:
    """The fixed text of every description in the rules, with where it is written."""
    names = {"ShowError", "MalformedForm", *REGISTERED}
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in names:
                    if text := "".join(literals(first)):
                        yield source.name, node.lineno, text


def test_every_error_has_a_code_of_the_standards() -> None:
    """RFC 6749 §4.1.2.1, §5.2; RFC 7009 §2.2.1; OpenID Connect Core §3.1.2.6."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    kinds |= {authorize.RequestNotSupported, authorize.RequestUriNotSupported}
    found = {
        kind.__name__: (kind.code, kind.status)
        for kind in kinds
        if issubclass(kind, OAuthError) and kind is not OAuthError
    }
    assert found == REGISTERED


@pytest.mark.parametrize(("file", "line", "text"), list(descriptions()))
def test_every_description_is_a_sentence_in_the_alphabet_of_the_standard(
    file: str, line: int, text: str
) -> None:
    """RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E."""
    assert all(" " <= letter <= "~" and letter not in '"\\' for letter in text), (file, line)
    assert text.endswith("."), (file, line)


def test_there_are_descriptions_to_look_at() -> None:
    assert len(list(descriptions())) > 40
