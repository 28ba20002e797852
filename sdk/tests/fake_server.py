"""An authorization server and its API in memory, in the place of the network.

It counts what it is asked, goes wrong where a test tells it to (see `faults`), and knows three ways
to deal with refresh tokens.
"""

import base64
import hashlib
import json
import threading
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import httpx2

from sdk.tests.answers import (
    CUSTOMER_NAMES,
    a_customer,
    a_jwt,
    api_refused,
    base64url,
    data_of,
    page_of,
    refused,
)
from sdk.tests.clock import Clock
from sdk.tests.faults import Fault, no_fault

ISSUER = "https://auth.example"
CLIENT_ID = "photos app"
CLIENT_SECRET = "a secret: with signs & letters+"
REDIRECT_URI = "https://photos.example/callback"

METADATA = "/.well-known/oauth-authorization-server"
AUTHORIZE, TOKEN, REVOKE = "/oauth/authorize", "/oauth/token", "/oauth/revoke"
ABOUT, TENANTS, CUSTOMERS = "/api", "/api/v1/account/tenants", "/api/v1/customers"
SCOPE_OF = {TENANTS: "account:read", CUSTOMERS: "customers:read"}


class Rotation(Enum):
    """What a refresh does to the refresh token."""

    NEVER = "it stays"
    ONCE = "a new one, and whoever shows the old one again ends the grant"
    IDEMPOTENT = "a new one, and the same again for whoever asks again before that one is used"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: httpx2.Headers
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode("latin-1")))

    @property
    def bearer(self) -> str:
        """The access token that it carries."""
        return str(self.headers.get("authorization", "")).removeprefix("Bearer ")


@dataclass(eq=False, slots=True)
class Permission:
    """What one person allowed, until it has ended."""

    person: str
    scope: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token and the refresh token that came with it."""

    permission: Permission
    access_token: str
    refresh_token: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person was asked at the authorization endpoint, and allowed."""

    parameters: dict[str, str]
    permission: Permission


@dataclass(eq=False)
class FakeServer:
    """The server. Everything public may be changed while it runs.

    `seen` is every request that arrived; `before_use` is told each access token that the API is
    shown; `overlapped` are refresh tokens of which two requests were under way at a time.
    """

    clock: Clock
    rotation: Rotation = Rotation.IDEMPOTENT
    lifetime: float | None = 3600.0
    secret: str | None = CLIENT_SECRET
    gives_refresh_tokens: bool = True
    tells_the_time: bool = True
    date_lags_by: float = 0.0
    customers: int = len(CUSTOMER_NAMES)
    before_use: Callable[[str], object] = lambda access_token: None
    seen: list[Seen] = field(default_factory=list)
    overlapped: list[str] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)
    always: dict[str, Fault] = field(default_factory=dict)
    metadata: dict[str, Any] = field(
        default_factory=lambda: {
            "issuer": ISSUER,
            "authorization_endpoint": ISSUER + AUTHORIZE,
            "token_endpoint": ISSUER + TOKEN,
            "revocation_endpoint": ISSUER + REVOKE,
            "authorization_response_iss_parameter_supported": True,
        }
    )

    def __post_init__(self) -> None:
        self.transport = SyncTransport(self)
        self.async_transport = AsyncTransport(self)
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.RLock()
        self._codes: dict[str, Asked] = {}
        self._pairs: list[Pair] = []
        self._revoked: set[str] = set()
        self._successors: dict[str, Pair] = {}
        self._refreshing: Counter[str] = Counter()

    # What tests do.

    def instead(self, path: str, *faults: Fault) -> None:
        """The next requests for that path meet these faults, one each."""
        self._faults[path].extend(faults)

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()
        self.always.clear()

    def times(self, path: str) -> int:
        """How often the path was asked for."""
        return len(self.at(path))

    def at(self, path: str) -> list[Seen]:
        """What arrived there."""
        return [seen for seen in self.seen if seen.path == path]

    def allow(self, url: str, scope: str | None = None, person: str = "alice") -> str:
        """The person allows what the address asks for: the address that they come back to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        permission = Permission(person, asked.get("scope", "") if scope is None else scope)
        code = f"code-{len(self._codes)}"
        self._codes[code] = Asked(asked, permission)
        said = {"code": code, "state": asked["state"], "iss": ISSUER}
        return f"{asked['redirect_uri']}?{urlencode(said)}"

    def revoke_access(self) -> None:
        """Every access token so far stops working; refresh tokens still do."""
        self._revoked |= {pair.access_token for pair in self._pairs}

    def secrets(self) -> set[str]:
        """Everything that may not be seen in a log."""
        pairs = {token for p in self._pairs for token in (p.access_token, p.refresh_token)}
        form = {"code", "code_verifier", "refresh_token", "token", "client_secret"}
        sent = {value for seen in self.seen for name, value in seen.form.items() if name in form}
        return (pairs | sent | {self.secret or ""}) - {""}

    # What the transports do.

    def respond(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        """The answer, or what the network makes of it."""
        url = request.url
        seen = Seen(request.method, url.path, dict(url.params), request.headers.copy(), body)
        refreshes = seen.form.get("refresh_token", "") if seen.path == TOKEN else ""
        with self._lock:
            self.seen.append(seen)
            waiting = self._faults[seen.path]
            fault = waiting.popleft() if waiting else self.always.get(seen.path, no_fault)
            self._refreshing[refreshes] += 1
            if refreshes and self._refreshing[refreshes] > 1:
                self.overlapped.append(refreshes)
        try:
            return self._dated(fault(lambda: self._dated(self._answer(seen))))
        finally:
            with self._lock:
                self._refreshing[refreshes] -= 1

    def _dated(self, response: httpx2.Response) -> httpx2.Response:
        if self.tells_the_time:
            moment = self.clock.now() - self.date_lags_by
            response.headers.setdefault("date", formatdate(moment, usegmt=True))
        return response

    def _answer(self, seen: Seen) -> httpx2.Response:
        with self._lock:
            match seen.path:
                case "/.well-known/oauth-authorization-server":
                    return httpx2.Response(200, json=self.metadata)
                case "/oauth/token" | "/oauth/revoke" if not self._knows_client(seen):
                    return refused("invalid_client", 401)
                case "/oauth/token" if seen.form["grant_type"] == "refresh_token":
                    return self._refresh(seen.form["refresh_token"])
                case "/oauth/token":
                    return self._exchange(seen.form)
                case "/oauth/revoke":
                    return self._revoke(seen.form["token"])
            return self._call(seen)

    # The authorization server.

    def _knows_client(self, seen: Seen) -> bool:
        """RFC 6749 §2.3.1: both halves of the pair are form-encoded before they are joined."""
        scheme, _, pair = seen.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            return (unquote_plus(name), unquote_plus(secret)) == (CLIENT_ID, self.secret)
        form = seen.form
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, self.secret)

    def _exchange(self, form: dict[str, str]) -> httpx2.Response:
        asked = self._codes.pop(form["code"], None)
        if asked is None:
            return refused("invalid_grant")
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert asked.parameters["code_challenge"] == base64url(digest)
        assert asked.parameters["redirect_uri"] == form["redirect_uri"]
        self.permissions.append(asked.permission)
        return self._granted(self._pair(asked.permission), asked.parameters.get("nonce"))

    def _refresh(self, token: str) -> httpx2.Response:
        before = next((pair for pair in self._pairs if pair.refresh_token == token), None)
        if before is None or before.permission.ended:
            return refused("invalid_grant")
        if self.rotation is Rotation.NEVER:
            return self._granted(self._pair(before.permission, token))
        successor = self._successors.get(token)
        if successor is None:
            successor = self._pair(before.permission)
        elif self.rotation is Rotation.ONCE or successor.refresh_token in self._successors:
            before.permission.ended = True
            return refused("invalid_grant")
        elif not self._is_good(successor):
            successor = self._pair(before.permission, successor.refresh_token)
        self._successors[token] = successor
        return self._granted(successor)

    def _pair(self, permission: Permission, refresh_token: str = "") -> Pair:
        number = len(self._pairs)
        expires_at = self.clock.now() + (self.lifetime or float("inf"))
        refresh_token = refresh_token or f"refresh-token-{number}"
        pair = Pair(permission, f"access-token-{number}", refresh_token, expires_at)
        self._pairs.append(pair)
        return pair

    def _granted(self, pair: Pair, nonce: str | None = None) -> httpx2.Response:
        # What is left of an answer's life is said, as it may be given a second time.
        left = None if self.lifetime is None else pair.expires_at - self.clock.now()
        said = {
            "access_token": pair.access_token,
            "token_type": "Bearer",
            "refresh_token": pair.refresh_token if self.gives_refresh_tokens else None,
            "scope": pair.permission.scope or None,
            "expires_in": left,
            "id_token": self._id_token(pair.permission, nonce) if nonce else None,
        }
        return httpx2.Response(200, json={n: v for n, v in said.items() if v is not None})

    def _id_token(self, permission: Permission, nonce: str) -> str:
        said = {"iss": ISSUER, "aud": CLIENT_ID, "sub": permission.person, "nonce": nonce}
        return a_jwt({**said, "exp": self.clock.now() + 60})

    def _revoke(self, token: str) -> httpx2.Response:
        for pair in self._pairs:
            if token in (pair.access_token, pair.refresh_token):
                pair.permission.ended = True
        return httpx2.Response(200)

    # The API.

    def _is_good(self, pair: Pair) -> bool:
        over = pair.permission.ended or pair.access_token in self._revoked
        return not over and self.clock.now() < pair.expires_at

    def _call(self, seen: Seen) -> httpx2.Response:
        self.before_use(seen.bearer)
        pair = next((pair for pair in self._pairs if pair.access_token == seen.bearer), None)
        if pair is None or not self._is_good(pair):
            return api_refused(401, "invalid_token")
        scope = SCOPE_OF.get(seen.path, "") or SCOPE_OF.get(seen.path.rpartition("/")[0], "")
        if scope and scope not in pair.permission.scope.split():
            return api_refused(403, "insufficient_scope", scope)
        match seen.method, seen.path:
            case "GET", "/api":
                return data_of({"name": "Fake API", "version": "v1"})
            case "GET", "/api/v1/account/tenants":
                return page_of([{"id": 7, "name": "Bright Clinic"}], None)
            case "GET", "/api/v1/customers":
                return self._customers(seen.query)
            case "GET", path if path.startswith(f"{CUSTOMERS}/"):
                return data_of(a_customer(int(path.rpartition("/")[2])))
            case "POST", _:
                return data_of({"said": json.loads(seen.body), "number": self.times(seen.path)})
        return api_refused(404, "not_found")

    def _customers(self, query: dict[str, str]) -> httpx2.Response:
        start, limit = int(query.get("cursor", "0")), int(query["limit"])
        everyone = [a_customer(number) for number in range(self.customers)]
        after = start + limit
        return page_of(
            everyone[start:after], str(after) if after < len(everyone) else None, len(everyone)
        )


class SyncTransport(httpx2.BaseTransport):
    """The way of threads to the server."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        # Not `request.read()`: a body that comes in a stream can be sent once.
        assert isinstance(request.stream, Iterable)
        return self._server.respond(request, b"".join(request.stream))


class AsyncTransport(httpx2.AsyncBaseTransport):
    """The way of tasks to the server."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, AsyncIterable)
        return self._server.respond(request, b"".join([part async for part in request.stream]))
