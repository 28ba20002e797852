"""The OAuth client: build each request, judge each answer.

Authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636), the server named in the answer
(RFC 9207), found by its metadata (RFC 8414), refreshed (RFC 6749 section 6), revoked (RFC 7009).
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from .https import Answer, Send
from .problems import Problem


@dataclass(frozen=True, slots=True)
class Registration:
    """What we got when we registered the app; `scope` is the least that Photos can work with."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scope: str = "account:read customers:read"


@dataclass(frozen=True, slots=True)
class Server:
    """The part of the server's metadata that we use."""

    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    names_itself: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One press on Connect: what only we and this browser's session know."""

    state: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What lets us act for the person. `expires_at` is in seconds since the epoch."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: int
    scope: str


def new_attempt() -> Attempt:
    """256 random bits each, so that neither can be guessed."""
    return Attempt(state=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(32))


def fingerprint(token: str) -> str:
    """A short name for a token, safe to show: nobody can get back from it to the token."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


class OAuthClient:
    """Our side of the conversation with one authorization server."""

    def __init__(
        self, issuer: str, registration: Registration, send: Send, now: Callable[[], int]
    ) -> None:
        self.issuer = issuer
        self._registration = registration
        self._send = send
        self._now = now
        self._server: Server | None = None

    def server(self) -> Server:
        """The server's metadata, asked for once (RFC 8414 section 3)."""
        if self._server is None:
            place = urlsplit(self.issuer)
            well_known = "/.well-known/oauth-authorization-server" + place.path.rstrip("/")
            answer = self._send(f"{place.scheme}://{place.netloc}{well_known}", headers={})
            self._server = _read_metadata(self.issuer, answer)
        return self._server

    def authorization_url(self, attempt: Attempt) -> str:
        """Where to send the person's browser."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest())
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._registration.client_id,
                "redirect_uri": self._registration.redirect_uri,
                "scope": self._registration.scope,
                "state": attempt.state,
                "code_challenge": challenge.rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            }
        )
        endpoint = self.server().authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def code_from(self, answer: Mapping[str, Sequence[str]]) -> str:
        """The code in the redirect's query, whose `state` the caller has already matched.

        Raises Problem: issuer, malformed, denied or authorization.
        """
        if any(len(values) != 1 for values in answer.values()):
            raise Problem("malformed")
        said = {name: values[0] for name, values in answer.items()}
        must_name_itself = self.server().names_itself or "iss" in said
        if must_name_itself and said.get("iss") != self.issuer:  # RFC 9207 section 2.4
            raise Problem("issuer")
        if said.get("error") == "access_denied":
            raise Problem("denied")
        if "error" in said:
            raise Problem("authorization", _error_text(said))
        if not said.get("code"):
            raise Problem("malformed")
        return said["code"]

    def exchange(self, code: str, attempt: Attempt) -> Tokens:
        """Buy the first tokens with the code. Raises Problem: token or unreachable."""
        answer = self._post(
            self.server().token_endpoint,
            grant_type="authorization_code",
            code=code,
            redirect_uri=self._registration.redirect_uri,
            code_verifier=attempt.verifier,
        )
        return self._read_tokens(answer, self._registration.scope)

    def refresh(self, tokens: Tokens) -> Tokens:
        """Buy the next tokens. Raises Problem: ended (connect again), token or unreachable."""
        answer = self._post(
            self.server().token_endpoint,
            grant_type="refresh_token",
            refresh_token=tokens.refresh_token,
        )
        if answer.json().get("error") == "invalid_grant":
            raise Problem("ended", _error_text(answer.json()))
        return self._read_tokens(answer, tokens.scope, tokens.refresh_token)

    def revoke(self, tokens: Tokens) -> None:
        """End both tokens. Raises Problem: revocation or unreachable.

        Each by itself, because RFC 7009 section 2.1 does not promise that one ends the other.
        """
        endpoint = self.server().revocation_endpoint
        for token, hint in (
            (tokens.refresh_token, "refresh_token"),
            (tokens.access_token, "access_token"),
        ):
            answer = self._post(endpoint, token=token, token_type_hint=hint)
            if answer.status != 200:
                raise Problem("revocation", _error_text(answer.json()))

    def _post(self, url: str, **form: str) -> Answer:
        """Post a form, authenticated with HTTP Basic (RFC 6749 section 2.3.1)."""
        registration = self._registration
        pair = f"{quote_plus(registration.client_id)}:{quote_plus(registration.client_secret)}"
        basic = base64.b64encode(pair.encode()).decode()
        return self._send(url, headers={"Authorization": f"Basic {basic}"}, form=form)

    def _read_tokens(self, answer: Answer, asked_scope: str, old_refresh_token: str = "") -> Tokens:
        """Check the token endpoint's answer (RFC 6749 section 5.1)."""
        said = answer.json()
        if answer.status != 200:
            raise Problem("token", _error_text(said))
        lifetime = said.get("expires_in")
        access_token = said.get("access_token")
        refresh_token = said.get("refresh_token", old_refresh_token)
        if (
            str(said.get("token_type")).lower() != "bearer"
            or not isinstance(lifetime, int)
            or not (isinstance(access_token, str) and access_token)
            or not (isinstance(refresh_token, str) and refresh_token)
        ):
            raise Problem("token", "The answer is not a complete set of bearer tokens.")
        scope = str(said.get("scope", asked_scope))
        return Tokens(access_token, refresh_token, self._now() + lifetime, scope)


def _read_metadata(issuer: str, answer: Answer) -> Server:
    """Take what we need, if the document is about `issuer` (RFC 8414 section 3.3)."""
    said = answer.json()
    if answer.status != 200 or said.get("issuer") != issuer:
        raise Problem("metadata", "The metadata's issuer is not the one that Photos is set up for.")
    authorization, token, revocation = (
        str(said.get(f"{name}_endpoint", "")) for name in ("authorization", "token", "revocation")
    )
    if not all(url.startswith("https://") for url in (authorization, token, revocation)):
        raise Problem("metadata", "An endpoint is missing or is not an https address.")
    names_itself = said.get("authorization_response_iss_parameter_supported") is True
    return Server(authorization, token, revocation, names_itself)


def _error_text(said: Mapping[str, Any]) -> str:
    """`error: error_description`, as both stand in an OAuth error."""
    return ": ".join(str(said[name]) for name in ("error", "error_description") if said.get(name))
