"""An authorization server as the guard sees it, in memory: it counts what it is asked."""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx2
from joserfc import jwk, jws

from flextell_sdk.guard import Guard, Resource
from flextell_sdk.sources import Sources

ISSUER = "https://id.example"
AUDIENCE = "https://clinic.example"
NOON = 1_795_435_200
"""A Monday in November 2026, in seconds since the epoch."""

METADATA = "/.well-known/oauth-authorization-server"
KEYS, FEED, INTROSPECTION = "/keys", "/revocations", "/introspect"
RESOURCE = Resource(ISSUER, AUDIENCE, "clinic", "s3cret")
CREDENTIALS = "Basic " + base64.b64encode(b"clinic:s3cret").decode()


@dataclass
class Clock:
    """Both clocks, turned by hand."""

    now: float = NOON
    monotonic: float = 1000.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.monotonic += seconds

    def sources(self) -> Sources:
        """This clock, with real dice and no patience."""
        return Sources(now=lambda: self.now, monotonic=lambda: self.monotonic)


def new_key(kid: str, algorithm: str = "ES256") -> jwk.Key:
    """A key pair for an algorithm."""
    kty, size = KINDS[algorithm]
    return jwk.generate_key(kty, size, {"kid": kid, "alg": algorithm, "use": "sig"})  # type: ignore[call-overload, no-any-return]


KINDS: dict[str, tuple[str, str | int]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", 2048)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "Ed25519": ("OKP", "Ed25519"),
    "Ed448": ("OKP", "Ed448"),
}
FIRST_KEY = new_key("first")


@dataclass
class Issuer:
    """What the server would say. Tests change it while the guard is at work."""

    clock: Clock = field(default_factory=Clock)
    key: jwk.Key = field(default_factory=lambda: FIRST_KEY)
    published: list[dict[str, Any]] = field(default_factory=lambda: [FIRST_KEY.as_dict()])
    cache_control: str = "public, max-age=300"
    has_feed: bool = True
    has_introspection: bool = True
    news: list[tuple[str, int]] = field(default_factory=list)
    page: int = 1000
    inactive: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    forms: list[dict[str, str]] = field(default_factory=list)
    # Called in the thread that asks, before it is answered.
    before: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def guard(self, resource: Resource = RESOURCE) -> Guard:
        """A guard that asks this server, by its clock."""
        transport = httpx2.MockTransport(self._answer)
        return Guard(resource, sources=self.clock.sources(), transport=transport)

    def token(self, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """A good access token, but for what is given; None takes something away."""
        claims = {
            "iss": ISSUER,
            "sub": "alice",
            "aud": AUDIENCE,
            "exp": NOON + 3600,
            "iat": NOON,
            "jti": "grant-1.1",
            "client_id": "photos",
            "scope": "customers:read account:read",
        }
        return self.signed(json.dumps(given(claims, changed)), header)

    def signed(self, payload: str | bytes, header: dict[str, Any] | None = None) -> str:
        """A token with any payload, and a header that no library would make."""
        usual = {"alg": self.key.alg, "typ": "at+jwt", "kid": self.key.kid}
        first = encoded(json.dumps(given(usual, header or {})).encode())
        second = encoded(payload if isinstance(payload, bytes) else payload.encode())
        sign = jws.JWSRegistry.algorithms[str(self.key.alg)].sign
        return f"{first}.{second}.{encoded(sign(f'{first}.{second}'.encode(), self.key))}"

    def revoke(self, name: str) -> None:
        """Put it into the feed."""
        self.news.append((name, NOON + 3600))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        with self._lock:
            self.asked[path] += 1
        self.before(path)
        if path in self.down or "everything" in self.down:
            raise httpx2.ConnectError("refused")
        form = dict(parse_qsl(request.content.decode()))
        if request.method == "POST":
            if request.headers["authorization"] != CREDENTIALS:
                return httpx2.Response(401, json={"error": "invalid_client"})
            with self._lock:
                self.forms.append(form)
        match path:
            case "/.well-known/oauth-authorization-server":
                return httpx2.Response(200, json=self._metadata())
            case "/keys":
                headers = {"cache-control": self.cache_control}
                return httpx2.Response(200, json={"keys": self.published}, headers=headers)
            case "/revocations":
                return httpx2.Response(200, json=self._news(int(form["since"])))
            case "/introspect":
                return httpx2.Response(200, json={"active": form["token"] not in self.inactive})
        return httpx2.Response(404)

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}{KEYS}",
            "revocation_feed_endpoint": f"{ISSUER}{FEED}" if self.has_feed else "",
            "introspection_endpoint": f"{ISSUER}{INTROSPECTION}" if self.has_introspection else "",
        }

    def _news(self, since: int) -> dict[str, Any]:
        """The number of an item is its place in the list, from 1."""
        found = self.news[since : since + self.page]
        return {
            "revocations": [{"name": name, "expires_at": end} for name, end in found],
            "sequence": since + len(found),
            "has_more": since + len(found) < len(self.news),
        }


def encoded(data: bytes) -> str:
    """Base64url (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def given(usual: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    """The usual values with some changed, and those that are None left out."""
    return {name: value for name, value in (usual | changed).items() if value is not None}


def bearer(token: str) -> list[str]:
    """The header that brings it."""
    return [f"Bearer {token}"]


def settled(guard: Guard) -> None:
    """Wait until the guard has nothing under way."""
    guard.close()
