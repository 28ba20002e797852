"""Who is calling the token endpoint: Basic, body or none (RFC 6749 §2.3, OAuth 2.1 §2.4)."""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from hmac import compare_digest
from typing import Literal
from urllib.parse import unquote_to_bytes

from flextell.oauth.errors import InvalidClient, InvalidRequest
from flextell.oauth.model import Client, digest_of
from flextell.oauth.parameters import LIMITS, Form

Method = Literal["client_secret_basic", "client_secret_post", "none"]
METHODS: tuple[Method, ...] = ("client_secret_basic", "client_secret_post", "none")

_BASIC = re.compile(r"basic +([A-Za-z0-9+/=_\-]+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the caller claims, not yet checked."""

    client_id: str
    secret: str | None
    method: Method


def read_credentials(authorization: str | None, form: Form) -> Credentials:
    """The one way in which this request names and proves its client.

    Raises InvalidRequest if it uses two at once, InvalidClient if it uses none.
    """
    in_body = form.get("client_id")
    secret = form.get("client_secret")
    if authorization is not None:
        if secret is not None:
            raise InvalidRequest(
                "Authenticate by the Authorization header or by client_secret, not by both."
            )
        credentials = _read_basic(authorization)
        if in_body is not None and in_body != credentials.client_id:
            raise InvalidRequest("client_id is not the client of the Authorization header.")
        return credentials
    if in_body is None:
        raise InvalidClient("The client must authenticate: client_id is missing.")
    return Credentials(in_body, secret, "none" if secret is None else "client_secret_post")


def _read_basic(authorization: str) -> Credentials:
    """HTTP Basic whose two parts are form-encoded first (RFC 6749 §2.3.1)."""
    match = _BASIC.fullmatch(authorization)
    if not match:
        raise InvalidClient("The Authorization header must be HTTP Basic.")
    try:
        text = b64decode(match[1], validate=True).decode("utf-8")
        client_id, colon, secret = text.partition(":")
        client_id = unquote_to_bytes(client_id.replace("+", " ")).decode("utf-8")
        secret = unquote_to_bytes(secret.replace("+", " ")).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidClient("The Authorization header is not well-formed HTTP Basic.") from None
    if not colon or not client_id.isprintable() or not 0 < len(client_id) <= LIMITS["client_id"]:
        raise InvalidClient("The Authorization header is not well-formed HTTP Basic.")
    # "Basic base64(id:)" is how some libraries write a public client.
    if not secret:
        return Credentials(client_id, None, "none")
    return Credentials(client_id, secret, "client_secret_basic")


def authenticate(credentials: Credentials, client: Client | None) -> Client:
    """The client, proven. Raises InvalidClient with one answer for every reason.

    The secret is compared by digest in constant time; an unknown client costs the same.
    """
    expected = client.secret_digest if client else None
    presented = digest_of(credentials.secret or "")
    matches = compare_digest(presented, expected or digest_of("no such secret"))
    if client is None:
        raise InvalidClient(
            "The client is unknown or its secret is wrong.", detail="unknown client"
        )
    if expected is None:
        if credentials.secret is not None:
            raise InvalidClient(
                "The client is unknown or its secret is wrong.",
                detail="a public client sent a secret",
            )
        return client
    if credentials.secret is None or not matches:
        raise InvalidClient("The client is unknown or its secret is wrong.", detail="wrong secret")
    return client
