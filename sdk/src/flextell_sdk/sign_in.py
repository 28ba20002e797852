"""A sign-in, in two halves without I/O: the question to ask, and what the answer is worth.

`start_sign_in` makes the address to send the person to and what to remember until they are back;
`finish_sign_in` judges what they came back with. Only it makes the `ProvenCode` that can be
exchanged for tokens, so none that was not checked ever is (RFC 6749 §4.1, RFC 7636, RFC 9207).
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import InitVar, asdict, dataclass, field, fields
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

from flextell_sdk.app import App
from flextell_sdk.errors import AccessDenied, SignInMismatch, SignInRefused
from flextell_sdk.server import Server
from flextell_sdk.sources import SYSTEM, Sources

# 256 bits: state and nonce cannot be guessed; RFC 7636 §4.1 recommends as much for the verifier.
SECRET_BYTES = 32


# A scheme, or a path; a query begins with the name of a parameter.
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*:|[/?]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What to keep until the person is back: in their session, never in the address.

    `to_text` and `from_text` take it into a session that keeps text. It is good for one answer.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    scope: str
    names_itself: bool
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)

    def to_text(self) -> str:
        """All of it as text; secret, so only for a session that others cannot read."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What `to_text` made. Raises SignInMismatch: no sign-in was begun here."""
        try:
            found = cls(**json.loads(text))
        except (TypeError, ValueError, RecursionError):
            found = None
        if found is None or any(
            type(getattr(found, each.name)) is not each.type for each in fields(cls)
        ):
            raise SignInMismatch("No sign-in was begun here, or it is over.")
        return found


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that was begun: send the person to `url`, keep `remembered`."""

    url: str = field(repr=False)
    remembered: Remembered


_PROOF = object()


@dataclass(frozen=True, slots=True)
class ProvenCode:
    """A code that came back as the answer to our own question. Only `finish_sign_in` makes one."""

    code: str = field(repr=False)
    remembered: Remembered
    proof: InitVar[object]

    def __post_init__(self, proof: object) -> None:
        if proof is not _PROOF:
            raise TypeError("finish_sign_in makes proven codes, after it has checked the answer")


def start_sign_in(
    app: App,
    server: Server,
    *,
    scope: str | None = None,
    redirect_uri: str | None = None,
    prompt: str = "",
    login_hint: str = "",
    extra: Mapping[str, str] | None = None,
    sources: Sources = SYSTEM,
) -> SignIn:
    """Where to send the person, and what to remember (RFC 6749 §4.1.1).

    `scope` and `redirect_uri` are the app's unless given; `prompt` is `login`, `consent` or `none`
    (OpenID Connect Core §3.1.2.1); `extra` are parameters of another kind of server.
    """
    remembered = Remembered(
        issuer=server.issuer,
        client_id=app.client_id,
        redirect_uri=app.redirect_uri if redirect_uri is None else redirect_uri,
        scope=app.scope if scope is None else scope,
        names_itself=server.names_itself,
        state=_random_text(sources),
        verifier=_random_text(sources),
        nonce=_random_text(sources),
    )
    openid = "openid" in remembered.scope.split()
    parameters = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": remembered.redirect_uri,
        "scope": remembered.scope,
        "state": remembered.state,
        "code_challenge": challenge_of(remembered.verifier),
        "code_challenge_method": "S256",
        "nonce": remembered.nonce if openid else "",
        "prompt": prompt,
        "login_hint": login_hint,
        "resource": app.resource,
    }
    query = urlencode({n: v for n, v in {**parameters, **(extra or {})}.items() if v})
    joint = "&" if "?" in server.authorization_endpoint else "?"
    return SignIn(f"{server.authorization_endpoint}{joint}{query}", remembered)


def finish_sign_in(callback_url: str, remembered: Remembered) -> ProvenCode:
    """The code in the address that the person came back to, if it answers our question.

    `callback_url` may be the whole address or its query. Raises AccessDenied, SignInRefused,
    SignInMismatch (RFC 6749 §4.1.2, RFC 9207 §2.4, RFC 9700 §4.7).
    """
    said = _parameters(callback_url)
    # First of all: an answer to nobody's question is not even believed when it says no.
    if not _same(said.get("state", ""), remembered.state):
        raise SignInMismatch("The answer does not carry the state of the sign-in begun here.")
    issuer = said.get("iss")
    if (issuer is not None or remembered.names_itself) and not _same(
        issuer or "", remembered.issuer
    ):
        raise SignInMismatch("The answer comes from another server than the one that was asked.")
    if "error" in said:
        error, description = said["error"], said.get("error_description", "")
        if error == "access_denied":
            raise AccessDenied(description or "The person did not allow it.")
        raise SignInRefused(error, description)
    if not said.get("code"):
        raise SignInMismatch("The answer has neither a code nor an error.")
    return ProvenCode(said["code"], remembered, _PROOF)


def challenge_of(verifier: str) -> str:
    """BASE64URL(SHA256(ASCII(code_verifier))) (RFC 7636 §4.2)."""
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def _parameters(callback_url: str) -> dict[str, str]:
    is_address = _ADDRESS.match(callback_url) is not None
    # By text: a scheme of the app's own need not be one that a parser of addresses knows.
    after = callback_url.partition("?")[2] if is_address else callback_url
    query = after.partition("#")[0]
    try:
        every = parse_qs(query, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        raise SignInMismatch("The answer is not a query that can be read.") from None
    if any(len(values) != 1 for values in every.values()):
        raise SignInMismatch("The answer says something twice (RFC 6749 §3.1).")
    return {name: values[0] for name, values in every.items()}


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )


def _random_text(sources: Sources) -> str:
    return _base64url(sources.secret(SECRET_BYTES))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def id_token_claims(id_token: str) -> dict[str, Any]:
    """The claims of an ID token that came from the token endpoint, over TLS.

    The signature is not checked: the server's certificate vouches for it (OpenID Connect Core
    §3.1.3.7, 6). Raises SignInMismatch if it is no JWT.
    """
    try:
        payload = id_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        raise SignInMismatch("The ID token is not a JWT.") from None
    if not isinstance(claims, dict):
        raise SignInMismatch("The ID token is not a JWT.")
    return claims


def check_id_token(id_token: str, remembered: Remembered, server_now: float) -> dict[str, Any]:
    """The claims, if they are about this very sign-in (OpenID Connect Core §3.1.3.7).

    Raises SignInMismatch.
    """
    claims = id_token_claims(id_token)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != remembered.issuer or remembered.client_id not in audiences:
        raise SignInMismatch("The ID token was made by or for somebody else.")
    if len(audiences) > 1 and claims.get("azp") != remembered.client_id:
        raise SignInMismatch("The ID token was made for several, and not first for this app.")
    if not _same(str(claims.get("nonce", "")), remembered.nonce):
        raise SignInMismatch("The ID token does not carry the nonce of the sign-in begun here.")
    expires = claims.get("exp")
    if (
        isinstance(expires, bool)
        or not isinstance(expires, int | float)
        or not expires > server_now
    ):
        raise SignInMismatch("The ID token has expired.")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise SignInMismatch("The ID token does not say whom it is about.")
    return claims
