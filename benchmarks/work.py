"""The work that is measured: each kind as a request or two over one connection.

What an answer must be is checked each time: a run with errors measures nothing.
"""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from benchmarks.connection import Connection, Reply
from benchmarks.server import CALLBACK, EMAIL, PASSWORD, SCOPE, Server

VERIFIER = "a-code-verifier-of-at-least-forty-three-characters"
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
MOST_REDIRECTS = 10
REDIRECTS = (302, 303)


class Unexpected(Exception):
    """An answer that is not the one the work needs."""


class Browser:
    """A cookie jar at one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._jar = connection, dict[str, str]()

    def cookies(self) -> str:
        """The Cookie header line."""
        return "cookie: " + "; ".join(f"{k}={v}" for k, v in self._jar.items()) + "\r\n"

    async def get(self, target: str) -> Reply:
        """Open an address of the server."""
        reply = await self._connection.send(self._connection.get(target, self.cookies()))
        self._jar |= reply.cookies()
        return reply

    async def post(self, target: str, form: dict[str, str]) -> Reply:
        """Send a form."""
        reply = await self._connection.send(self._connection.post(target, form, self.cookies()))
        self._jar |= reply.cookies()
        return reply


def expect(reply: Reply, *statuses: int) -> Reply:
    """Raises Unexpected unless the status is one of these."""
    if reply.status not in statuses:
        raise Unexpected(f"{reply.status} instead of {statuses}: {reply.body[:300]!r}")
    return reply


def basic(server: Server, client_id: str = "") -> str:
    """The client's authentication as a header line."""
    pair = f"{quote(client_id or server.client_id)}:{quote(server.client_secret)}"
    return f"authorization: Basic {b64encode(pair.encode()).decode()}\r\n"


def authorize_target(server: Server, resource: str) -> str:
    """The authorization request of every flow, with PKCE (RFC 7636)."""
    request = {
        "response_type": "code",
        "client_id": server.client_id,
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
        "state": "benchmark",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    if resource:
        request["resource"] = resource
    return f"{server.paths.authorize}?{urlencode(request)}"


async def sign_in(connection: Connection, server: Server) -> str:
    """Sign in and allow, once, as a browser does; the Cookie header line of the session."""
    browser = Browser(connection)
    if server.our_pages:
        await _fill_in(browser, server)
    else:
        if server.paths.sign_in:
            expect(await browser.get(server.paths.sign_in), 200)
        await _follow(browser, authorize_target(server, server.resource))
    return browser.cookies()


async def _follow(browser: Browser, target: str) -> None:
    """Follow redirects until one leaves for the app."""
    for _ in range(MOST_REDIRECTS):
        location = (await browser.get(target)).header("location")
        if location.startswith(CALLBACK):
            return
        parts = urlsplit(location)
        target = parts._replace(scheme="", netloc="").geturl()
        if not target:
            break
    raise Unexpected("the browser did not get to the app")


async def _fill_in(browser: Browser, server: Server) -> None:
    """The same by our pages."""
    reply = await browser.get(authorize_target(server, ""))
    for answer in ({"email": EMAIL, "password": PASSWORD}, {"answer": "allow"}):
        text = expect(await browser.get(reply.header("location")), 200).body.decode()
        action = re.search(r'action="([^"]+)"', text)
        csrf = re.search(r'name="csrf" value="([^"]+)"', text)
        if action is None or csrf is None:
            raise Unexpected("a page without a form")
        form = {**answer, "csrf": csrf[1]}
        reply = expect(await browser.post(html.unescape(action[1]), form), 303)
        reply = expect(await browser.get(reply.header("location")), 302)
        if reply.header("location").startswith(CALLBACK):  # it was allowed before
            return


async def new_code(
    connection: Connection, server: Server, cookie: str, resource: str | None = None
) -> str:
    """A code by a session and a remembered consent."""
    target = authorize_target(server, server.resource if resource is None else resource)
    reply = expect(await connection.send(connection.get(target, cookie)), *REDIRECTS)
    return parse_qs(urlsplit(reply.header("location")).query)["code"][0]


async def exchange(connection: Connection, server: Server, code: str) -> dict[str, str]:
    """Tokens for a code."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return await _tokens(connection, server, form)


async def refresh(connection: Connection, server: Server, token: str) -> dict[str, str]:
    """Tokens for a refresh token; another refresh token than it."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    tokens = await _tokens(connection, server, form)
    if tokens["refresh_token"] == token:
        raise Unexpected("the refresh token was not rotated")
    return tokens


async def client_credentials(connection: Connection, server: Server) -> None:
    """An access token for the app itself (RFC 6749 §4.4)."""
    form = {"grant_type": "client_credentials", "scope": SCOPE}
    if server.resource:
        form["resource"] = server.resource
    await _tokens(connection, server, form, server.own_client_id)


async def _tokens(
    connection: Connection, server: Server, form: dict[str, str], client_id: str = ""
) -> dict[str, str]:
    request = connection.post(server.paths.token, form, basic(server, client_id))
    tokens: dict[str, str] = json.loads(expect(await connection.send(request), 200).body)
    if not tokens["access_token"]:
        raise Unexpected("there is no access token")
    return tokens


async def introspect(connection: Connection, server: Server, token: str) -> None:
    """Ask about an access token (RFC 7662)."""
    request = connection.post(server.paths.introspect, {"token": token}, basic(server))
    answer = json.loads(expect(await connection.send(request), 200).body)
    if answer["active"] is not True:
        raise Unexpected("the token is not active")


async def call_api(connection: Connection, path: str, token: str) -> bytes:
    """A call of the protected API; what it says."""
    request = connection.get(path, f"authorization: Bearer {token}\r\n")
    return expect(await connection.send(request), 200).body
