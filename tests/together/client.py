"""An app and its person's browser, as far as these tests need them: over TLS or in process."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx2
from starlette.types import ASGIApp, Message

from benchmarks.connection import Connection, Reply
from tests.together.server import ALICE, PASSWORD, App, RunningServer
from tests.web import flows

HANDSHAKES_AT_ONCE = 50


class Wire(Protocol):
    """A way to the server: one request after another."""

    async def get(self, target: str, bearer: str) -> Reply:
        """GET with a bearer token."""

    async def post(self, target: str, form: dict[str, str]) -> Reply:
        """POST a form."""


class OverTls:
    """A `Wire` that is a TLS connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, target: str, bearer: str) -> Reply:
        header = f"authorization: Bearer {bearer}\r\n"
        return await self._connection.send(self._connection.get(target, header))

    async def post(self, target: str, form: dict[str, str]) -> Reply:
        return await self._connection.send(self._connection.post(target, form))


class InProcess:
    """A `Wire` that is a call of the application, without a server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def get(self, target: str, bearer: str) -> Reply:
        return await self._ask("GET", target, b"authorization", f"Bearer {bearer}".encode(), b"")

    async def post(self, target: str, form: dict[str, str]) -> Reply:
        kind = b"application/x-www-form-urlencoded"
        return await self._ask("POST", target, b"content-type", kind, urlencode(form).encode())

    async def _ask(self, method: str, path: str, name: bytes, value: bytes, body: bytes) -> Reply:
        told: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"localhost:8443"), (name, value)],
            "client": ("127.0.0.1", 50_000),
            "server": ("localhost", 8443),
        }
        await self._app(scope, receive, send)
        return Reply(told[0]["status"], b"", b"".join(m.get("body", b"") for m in told[1:]))


@dataclass(frozen=True, slots=True)
class Caller:
    """An app that talks over one wire. Every verb answers with the reply as it came."""

    app: App
    wire: Wire

    async def exchange(self, code: str) -> Reply:
        """Tokens for a code (RFC 6749 §4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.app.redirect_uri,
        }
        if self.app.client_secret is None:
            form["code_verifier"] = flows.VERIFIER
        return await self._post("/oauth/token", **form)

    async def refresh(self, token: str, **more: str) -> Reply:
        """Tokens for a refresh token (RFC 6749 §6)."""
        return await self._post(
            "/oauth/token", grant_type="refresh_token", refresh_token=token, **more
        )

    async def revoke(self, token: str) -> Reply:
        """Give a token back (RFC 7009)."""
        return await self._post("/oauth/revoke", token=token)

    async def introspect(self, token: str) -> Reply:
        """Ask what a token is worth (RFC 7662)."""
        return await self._post("/oauth/introspect", token=token)

    async def call_api(self, access_token: str) -> Reply:
        """The smallest call of the API, open to any valid token."""
        return await self.wire.get("/api", access_token)

    async def _post(self, target: str, **form: str) -> Reply:
        form["client_id"] = self.app.client_id
        if self.app.client_secret is not None:
            form["client_secret"] = self.app.client_secret
        return await self.wire.post(target, form)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint hands out."""

    access: str
    refresh: str


def body(reply: Reply) -> dict[str, Any]:
    """The JSON object of a reply."""
    found: dict[str, Any] = json.loads(reply.body)
    return found


def tokens(reply: Reply) -> Tokens:
    """The tokens of a reply that must be a success."""
    assert reply.status == 200, reply.body
    found = body(reply)
    return Tokens(found["access_token"], found["refresh_token"])


async def refused_everywhere(caller: Caller, every: list[Tokens]) -> None:
    """Assert that none of these tokens works: at the token endpoint, the API, introspection."""
    for each in every:
        refresh = await caller.refresh(each.refresh)
        assert (refresh.status, body(refresh)["error"]) == (400, "invalid_grant")
        assert (await caller.call_api(each.access)).status == 401
        if caller.app.client_secret is not None:
            for token in (each.access, each.refresh):
                assert body(await caller.introspect(token)) == {"active": False}


@asynccontextmanager
async def callers(server: RunningServer, app: App, count: int) -> AsyncIterator[list[Caller]]:
    """As many connections, open and idle, each with the app at its end."""
    context = server.trust()
    async with AsyncExitStack() as stack:
        opened: list[Caller] = []
        while len(opened) < count:
            some = min(HANDSHAKES_AT_ONCE, count - len(opened))
            opened += await asyncio.gather(
                *(_open(stack, server, app, context) for _ in range(some))
            )
        yield opened


async def _open(
    stack: AsyncExitStack, server: RunningServer, app: App, context: ssl.SSLContext
) -> Caller:
    return Caller(app, OverTls(await stack.enter_async_context(server.connection(context))))


async def new_code(browser: httpx2.AsyncClient, app: App) -> str:
    """A code from Alice, who signs in and allows where she has not done so before."""
    return await flows.code_for(browser, in_flows(app), ALICE, PASSWORD, scope=app.scope)


def in_flows(app: App) -> flows.App:
    """The app as `tests.web.flows` knows it."""
    return flows.App(app.client_id, app.redirect_uri, app.client_secret)


async def connected(browser: httpx2.AsyncClient, caller: Caller) -> Tokens:
    """The first tokens of a new grant."""
    return tokens(await caller.exchange(await new_code(browser, caller.app)))


async def seconds_until(check: Callable[[], Awaitable[bool]], limit: float) -> float:
    """Ask again and again until it is so; how many seconds that took. Fails beyond `limit`."""
    began = time.monotonic()
    while not await check():
        assert time.monotonic() - began < limit, f"not so within {limit} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - began
