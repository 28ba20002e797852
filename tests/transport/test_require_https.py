"""Plain HTTP is refused, and only a trusted proxy is believed about its client."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flextell.transport import RequireHttps, hsts_suits, is_loopback

pytestmark = pytest.mark.anyio

ALICE = "203.0.113.9"
PROXY = "10.0.0.1"
OUTER_PROXY = "10.0.0.2"
PROXIES = ("10.0.0.0/24", "fd00::/8")
SHARED_ANSWER = {"type": "http.response.start", "status": 200, "headers": ((b"a", b"b"),)}


@dataclass(slots=True)
class App:
    """Remembers what reached it and answers each request with the very same message."""

    reached: list[Scope] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(scope)
        await send(SHARED_ANSWER)
        await send({"type": "http.response.body", "body": b"secret"})


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer, and what the app saw of the request, if anything."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    scheme: str | None
    client: str | None


async def ask(
    guard: RequireHttps, app: App, peer: str | None, scheme: str = "http", *headers: Any
) -> Heard:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nobody needs the body")

    async def send(message: Message) -> None:
        sent.append(message)

    client = None if peer is None else (peer, 40_000)
    method = {"type": "http", "method": "POST", "path": "/oauth/token"}
    app.reached.clear()
    await guard(
        {**method, "scheme": scheme, "client": client, "headers": list(headers)}, receive, send
    )
    seen = app.reached[0] if app.reached else {"scheme": None, "client": None}
    return Heard(
        sent[0]["status"],
        dict(sent[0]["headers"]),
        sent[1]["body"],
        seen["scheme"],
        seen["client"][0] if seen["client"] else None,
    )


def guarded(**choices: Any) -> tuple[RequireHttps, App]:
    app = App()
    wrapped: ASGIApp = app
    return RequireHttps(wrapped, **choices), app


def proto(*values: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"x-forwarded-proto", value) for value in values]


def via(*values: bytes) -> list[tuple[bytes, bytes]]:
    return [*proto(b"https"), *((b"x-forwarded-for", value) for value in values)]


async def test_https_passes() -> None:
    heard = await ask(*guarded(), ALICE, "https")

    assert (heard.status, heard.scheme, heard.client) == (200, "https", ALICE)


@pytest.mark.parametrize("peer", [ALICE, "127.0.0.1", "::1", None])
async def test_plain_http_is_refused_and_never_redirected(peer: str | None) -> None:
    """RFC 6749 §3.2: the token endpoint requires TLS."""
    heard = await ask(*guarded(), peer)

    assert heard.status == 403
    assert heard.scheme is None
    assert json.loads(heard.body)["error"] == "https_required"
    assert heard.headers[b"connection"] == b"close"
    assert heard.headers[b"content-length"] == str(len(heard.body)).encode()
    assert b"location" not in heard.headers


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        ("127.0.0.1", 200),
        ("127.9.9.9", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        (ALICE, 403),
        ("2001:db8::1", 403),
        ("", 403),
        (None, 403),
    ],
)
async def test_the_development_switch_opens_the_loopback_only(
    peer: str | None, status: int
) -> None:
    heard = await ask(*guarded(plain_http_on_loopback=True), peer)

    assert heard.status == status


async def test_the_development_switch_does_not_make_http_look_like_https() -> None:
    heard = await ask(*guarded(plain_http_on_loopback=True), "127.0.0.1", "http", *via(b"1.2.3.4"))

    assert (heard.scheme, heard.client) == ("http", "127.0.0.1")


@pytest.mark.parametrize("peer", [PROXY, "fd00::7", "::ffff:10.0.0.1"])
async def test_a_trusted_proxy_is_believed(peer: str) -> None:
    """RFC 9700 §4.13."""
    heard = await ask(*guarded(trusted_proxies=PROXIES), peer, "http", *via(ALICE.encode()))

    assert (heard.status, heard.scheme, heard.client) == (200, "https", ALICE)


@pytest.mark.parametrize("peer", [ALICE, "10.0.1.1", "127.0.0.1", "fe80::1", "unix", None])
async def test_nobody_else_is_believed(peer: str | None) -> None:
    """RFC 9700 §4.13."""
    guard, app = guarded(trusted_proxies=PROXIES)

    plain = await ask(guard, app, peer, "http", *via(b"198.51.100.1"))
    safe = await ask(guard, app, peer, "https", *via(b"198.51.100.1"))

    assert plain.status == 403
    assert (safe.status, safe.client) == (200, peer)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [b"http"],
        [b"https", b"https"],
        [b"https", b"http"],
        [b"http", b"https"],
        [b"https,http"],
        [b"https, https"],
        [b"HTTPS"],
        [b"wss"],
        [b""],
    ],
)
async def test_a_trusted_proxy_must_say_https_and_nothing_else(values: list[bytes]) -> None:
    heard = await ask(*guarded(trusted_proxies=PROXIES), PROXY, "http", *proto(*values))

    assert heard.status == 403


async def test_a_proxy_that_speaks_tls_to_us_may_still_tell_of_a_plain_client() -> None:
    guard, app = guarded(trusted_proxies=PROXIES)

    silent = await ask(guard, app, PROXY, "https")
    telling = await ask(guard, app, PROXY, "https", *proto(b"http"))

    assert silent.status == 200
    assert telling.status == 403


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([b"203.0.113.9"], ALICE),
        ([b"198.51.100.1, 203.0.113.9"], ALICE),
        ([b"198.51.100.1", b"203.0.113.9"], ALICE),
        ([b"198.51.100.1, 203.0.113.9 , 10.0.0.2"], ALICE),
        ([b"198.51.100.1, 203.0.113.9", b"10.0.0.2"], ALICE),
        ([b"203.0.113.9:4711"], ALICE),
        ([b"::ffff:203.0.113.9"], ALICE),
        ([b"2001:db8::5"], "2001:db8::5"),
        ([b"[2001:db8::5]:4711"], "2001:db8::5"),
        ([b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ([b"198.51.100.1, unknown, 10.0.0.2"], OUTER_PROXY),
        ([b"198.51.100.1, "], PROXY),
        ([b"not an address"], PROXY),
        ([b"1" * 100], PROXY),
        ([b"\xff"], PROXY),
        ([b""], PROXY),
        ([], PROXY),
    ],
)
async def test_the_client_is_the_right_most_address_no_trusted_proxy_has(
    values: list[bytes], client: str
) -> None:
    """What stands left of it came from the client, who may have invented it."""
    heard = await ask(*guarded(trusted_proxies=PROXIES), PROXY, "http", *via(*values))

    assert (heard.status, heard.client) == (200, client)


@given(invented=st.binary(max_size=200))
async def test_no_invented_header_hides_the_address_the_proxy_saw(invented: bytes) -> None:
    value = invented + b", " + ALICE.encode()

    heard = await ask(*guarded(trusted_proxies=PROXIES), PROXY, "http", *via(value))

    assert heard.client == ALICE


@pytest.mark.parametrize("proxies", [("proxy.example.com",), ("10.0.0.1/8",), ("",)])
def test_a_proxy_that_is_no_address_is_refused_at_start(proxies: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        guarded(trusted_proxies=proxies)


async def test_browsers_are_told_to_stay_with_https() -> None:
    """RFC 6797 §7.1; the app's own message, which all share, stays as it is."""
    guard, app = guarded(hsts=True)

    first = await ask(guard, app, ALICE, "https")
    second = await ask(guard, app, ALICE, "https")

    assert first.headers == {b"a": b"b", b"strict-transport-security": b"max-age=31536000"}
    assert second == first
    assert SHARED_ANSWER["headers"] == ((b"a", b"b"),)


async def test_over_plain_http_browsers_are_told_nothing() -> None:
    """RFC 6797 §7.2: the header must not be sent over a non-secure transport."""
    guard, app = guarded(hsts=True, plain_http_on_loopback=True)

    refused = await ask(guard, app, ALICE)
    developing = await ask(guard, app, "127.0.0.1")

    assert b"strict-transport-security" not in refused.headers
    assert b"strict-transport-security" not in developing.headers


async def test_the_start_and_stop_of_the_app_pass_through() -> None:
    guard, app = guarded()
    scope = {"type": "lifespan"}

    async def receive() -> Message:
        raise AssertionError("the app does not ask")

    async def send(message: Message) -> None:
        return None

    await guard(scope, receive, send)

    assert app.reached == [scope]


@pytest.mark.parametrize(
    ("issuer", "suits"),
    [
        ("https://login.example.com", True),
        ("https://192.0.2.1:8443", True),
        ("https://localhost:8443", False),
        ("https://127.0.0.1:8443", False),
        ("https://[::1]:8443", False),
        ("http://login.example.com", False),
    ],
)
def test_localhost_is_not_bound_to_https(issuer: str, suits: bool) -> None:
    """RFC 6797 §8.3 binds a whole host, all its ports: localhost belongs to others too."""
    assert hsts_suits(issuer) is suits


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_what_nobody_else_can_reach(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
