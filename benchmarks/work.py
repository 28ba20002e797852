"""The work that is measured: each kind as a loop over one connection."""

import html
import json
import re
from base64 import b64encode
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from benchmarks.connection import Connection, Reply
from benchmarks.server import CALLBACK, PASSWORD, SCOPE, Server


class Unexpected(Exception):
    """An answer that is not the one the work needs."""


def expect(reply: Reply, status: int) -> Reply:
    """Raises Unexpected unless the status is right: a run with errors measures nothing."""
    if reply.status != status:
        raise Unexpected(f"{reply.status} instead of {status}: {reply.body[:300]!r}")
    return reply


def basic(server: Server) -> str:
    """The client's authentication as a header line."""
    pair = f"{quote(server.client_id)}:{quote(server.client_secret)}"
    return f"authorization: Basic {b64encode(pair.encode()).decode()}\r\n"


def authorize_target(server: Server) -> str:
    """The authorization request of every flow."""
    request = {
        "response_type": "code",
        "client_id": server.client_id,
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
        "state": "benchmark",
    }
    return f"/oauth/authorize?{urlencode(request)}"


async def sign_in(connection: Connection, server: Server) -> str:
    """Sign in and allow, once, as a browser does; the Cookie header line of the session."""
    jar: dict[str, str] = {}

    def cookies() -> str:
        return "cookie: " + "; ".join(f"{k}={v}" for k, v in jar.items()) + "\r\n"

    reply = await connection.send(connection.get(authorize_target(server)))
    for answer in ({"email": "alice@example.com", "password": PASSWORD}, {"answer": "allow"}):
        page = expect(
            await connection.send(connection.get(reply.header("location"), cookies())), 200
        )
        jar |= page.cookies()
        text = page.body.decode()
        action = re.search(r'action="([^"]+)"', text)
        csrf = re.search(r'name="csrf" value="([^"]+)"', text)
        if action is None or csrf is None:
            raise Unexpected("a page without a form")
        form = {**answer, "csrf": csrf[1]}
        target = html.unescape(action[1])
        reply = expect(await connection.send(connection.post(target, form, cookies())), 303)
        jar |= reply.cookies()
        reply = expect(
            await connection.send(connection.get(reply.header("location"), cookies())), 302
        )
    return cookies()


async def new_code(connection: Connection, server: Server, cookie: str) -> str:
    """A code by a session and a remembered consent."""
    reply = expect(await connection.send(connection.get(authorize_target(server), cookie)), 302)
    return parse_qs(urlsplit(reply.header("location")).query)["code"][0]


async def exchange(connection: Connection, server: Server, code: str) -> dict[str, str]:
    """Tokens for a code."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    return await _tokens(connection, server, form)


async def refresh(connection: Connection, server: Server, token: str) -> dict[str, str]:
    """Tokens for a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return await _tokens(connection, server, form)


async def _tokens(connection: Connection, server: Server, form: dict[str, str]) -> dict[str, str]:
    request = connection.post("/oauth/token", form, basic(server))
    tokens: dict[str, str] = json.loads(expect(await connection.send(request), 200).body)
    return tokens


async def introspect(connection: Connection, server: Server, token: str) -> None:
    """Ask about an access token."""
    request = connection.post("/oauth/introspect", {"token": token}, basic(server))
    if b'"active":true' not in expect(await connection.send(request), 200).body:
        raise Unexpected("the token is not active")


async def call_api(connection: Connection, token: str) -> None:
    """The smallest call of the protected API."""
    request = connection.get("/api", f"authorization: Bearer {token}\r\n")
    expect(await connection.send(request), 200)
