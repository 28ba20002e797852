"""The token endpoint and its neighbours: build each request, judge each answer. No I/O.

RFC 6749 §4.1.3 (code), §6 (refresh), §5 (answers), §2.3.1 (who asks); RFC 7009 (revocation).
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote_plus

import httpx2

from flextell_sdk.app import App
from flextell_sdk.errors import ServerMisconfigured, TokenRequestRefused, Unreachable
from flextell_sdk.server import Server
from flextell_sdk.sign_in import ProvenCode
from flextell_sdk.tokens import Tokens

# access-token = 1*VSCHAR (RFC 6749 §A.12)
_TOKEN = re.compile(r"[\x20-\x7e]+")
# What a form holds that no error may repeat.
_SECRETS = ("code", "code_verifier", "client_secret", "refresh_token", "token")


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, and the moments by the server's clock between which it was made."""

    response: httpx2.Response
    asked_at: float
    clock_offset: float


def exchange_request(app: App, server: Server, code: ProvenCode) -> httpx2.Request:
    """Tokens for a code (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
    return form_request(
        app,
        server,
        server.token_endpoint,
        {
            "grant_type": "authorization_code",
            "code": code.code,
            "redirect_uri": code.remembered.redirect_uri,
            "code_verifier": code.remembered.verifier,
            "resource": app.resource,
        },
    )


def refresh_request(app: App, server: Server, refresh_token: str) -> httpx2.Request:
    """New tokens for a refresh token (RFC 6749 §6)."""
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return form_request(app, server, server.token_endpoint, {**fields, "resource": app.resource})


def revoke_request(app: App, server: Server, token: str, hint: str) -> httpx2.Request:
    """Take a token back; `hint` is `refresh_token` or `access_token` (RFC 7009 §2.1)."""
    if not server.revocation_endpoint:
        raise ServerMisconfigured("The server has no revocation endpoint.")
    return form_request(
        app, server, server.revocation_endpoint, {"token": token, "token_type_hint": hint}
    )


def read_tokens(heard: Heard, before: Tokens | None, asked_scope: str) -> Tokens:
    """The tokens of an answer (RFC 6749 §5.1), one version above those before.

    What a refresh leaves out is as it was: the refresh token (§6) and the scope. Raises
    TokenRequestRefused, and Unreachable for an answer that cannot be read.
    """
    said = json_object(heard.response)
    access_token = said.get("access_token")
    refresh_token = said.get("refresh_token") or (before.refresh_token if before else None)
    if not isinstance(access_token, str) or not _TOKEN.fullmatch(access_token):
        raise ServerMisconfigured("The token endpoint's answer holds no access token.")
    if str(said.get("token_type", "")).lower() != "bearer":
        raise ServerMisconfigured("The token endpoint's answer is not about a bearer token.")
    if refresh_token is not None and not isinstance(refresh_token, str):
        raise ServerMisconfigured("The token endpoint's refresh token is no text.")
    id_token, scope = said.get("id_token"), said.get("scope")
    known_scope = before.scope if before else asked_scope
    lifetime = _seconds(said.get("expires_in"))
    return Tokens(
        access_token=access_token,
        refresh_token=refresh_token,
        scope=scope if isinstance(scope, str) and scope else known_scope,
        # From when we asked: it was made after that, so it lives at least so long.
        expires_at=None if lifetime is None else heard.asked_at + lifetime,
        lifetime=lifetime,
        id_token=id_token if isinstance(id_token, str) else (before.id_token if before else None),
        clock_offset=heard.clock_offset,
    ).as_next_after(before)


def check_revoked(response: httpx2.Response) -> None:
    """Raises TokenRequestRefused unless the token is over; an unknown one is (RFC 7009 §2.2)."""
    if not response.is_success:
        json_object(response)


def request_id_of(response: httpx2.Response) -> str:
    """What the server calls this exchange; empty if it does not say."""
    headers = response.headers
    return headers.get("request-id") or headers.get("x-request-id") or ""


def form_request(app: App, server: Server, url: str, fields: Mapping[str, str]) -> httpx2.Request:
    """A POST that says who asks, in the way that the server knows (RFC 6749 §2.3.1)."""
    form = {name: value for name, value in fields.items() if value}
    headers = {"accept": "application/json"}
    if app.client_secret is None:
        form["client_id"] = app.client_id
    elif "client_secret_basic" in server.authentication_methods:
        pair = f"{quote_plus(app.client_id)}:{quote_plus(app.client_secret)}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    else:
        form |= {"client_id": app.client_id, "client_secret": app.client_secret}
    return httpx2.Request("POST", url, data=form, headers=headers)


def json_object(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object of a success. Raises TokenRequestRefused and Unreachable."""
    try:
        said = response.json()
    except ValueError:
        said = None
    if not response.is_success:
        error = said.get("error") if isinstance(said, dict) else None
        if not isinstance(said, dict) or not isinstance(error, str):
            raise Unreachable(f"The answer was {response.status_code}, and says nothing more.")
        description = str(said.get("error_description") or "")
        raise TokenRequestRefused(
            _without_secrets(error, response),
            _without_secrets(description, response),
            response.status_code,
            request_id_of(response),
        )
    if not isinstance(said, dict):
        raise Unreachable("The answer is not a JSON object: it was cut short or replaced.")
    return said


def _without_secrets(text: str, response: httpx2.Response) -> str:
    """What a server says of a refusal, if it does not repeat what it was shown."""
    sent = parse_qs(response.request.content.decode("ascii", "replace"))
    for name in _SECRETS:
        for secret in sent.get(name, ()):
            text = text.replace(secret, "[removed]")
    return text


def _seconds(value: object) -> float | None:
    """`expires_in`, which some servers write as text; None if it is absent or makes no sense."""
    if isinstance(value, bool):
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < 10**10 else None
