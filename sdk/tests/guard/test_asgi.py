"""A whole ASGI application behind the guard."""

from collections.abc import MutableMapping
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from flextell_sdk.guard import MissingToken
from flextell_sdk.guard.asgi import GuardMiddleware
from sdk.tests.guard.issuer import Issuer

pytestmark = pytest.mark.anyio


async def who(request: Request) -> Response:
    """Who calls, if anybody was asked."""
    caller = getattr(request.state, "caller", None)
    return JSONResponse({"subject": caller.subject if caller else None})


async def talk(socket: WebSocket) -> None:
    """Say who calls."""
    await socket.accept()
    await socket.send_text(socket.state.caller.subject)
    await socket.close()


CLINIC = Starlette(routes=[WebSocketRoute("/talk", talk), Route("/{path:path}", who)])


def guarded(issuer: Issuer) -> GuardMiddleware:
    """The clinic's API behind the guard."""
    return GuardMiddleware(
        CLINIC,
        issuer.guard(),
        scopes={
            "/customers": ["customers:read", "customers:write"],
            "/customers/export/": ["customers:export"],
        },
        open_paths=["/health"],
    )


async def call(issuer: Issuer, path: str, *headers: str) -> httpx2.Response:
    """A request with these Authorization headers."""
    transport = httpx2.ASGITransport(guarded(issuer))
    async with httpx2.AsyncClient(transport=transport, base_url="https://clinic.example") as app:
        return await app.get(path, headers=[("authorization", value) for value in headers])


async def test_the_caller_is_known_behind_the_guard() -> None:
    issuer = Issuer()

    response = await call(issuer, "/customers/7", f"Bearer {issuer.token()}")

    assert (response.status_code, response.json()) == (200, {"subject": "alice"})


async def test_nothing_behind_the_guard_runs_without_a_token() -> None:
    issuer = Issuer()

    response = await call(issuer, "/anything")

    assert response.status_code == 401
    expected = issuer.guard().answer(MissingToken())
    assert response.content == expected.body
    assert set(expected.headers) <= set(response.headers.items())
    assert response.headers["content-length"] == str(len(expected.body))


async def test_two_tokens_in_one_request_are_refused() -> None:
    issuer = Issuer()
    value = f"Bearer {issuer.token()}"

    response = await call(issuer, "/customers", value, value)

    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")


async def test_bytes_that_are_no_text_are_refused() -> None:
    response = await answered({"path": "/", "headers": [(b"authorization", b"Bearer \xff\x80.\0")]})

    assert response[0]["status"] == 401


@pytest.mark.parametrize("path", ["/health"])
async def test_an_open_path_needs_no_token(path: str) -> None:
    assert (await call(Issuer(), path)).json() == {"subject": None}


@pytest.mark.parametrize("path", ["/health/", "/health/x", "/healthy", "//health", "/Health"])
async def test_only_that_very_path_is_open(path: str) -> None:
    assert (await answered({"path": path}))[0]["status"] == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/customers", 403),
        ("/customers/", 403),
        ("/customers/7", 403),
        ("/customers/export", 403),
        ("/customersx", 200),
        ("/other", 200),
    ],
)
async def test_a_path_and_what_is_below_it_need_its_scopes(path: str, status: int) -> None:
    issuer = Issuer()

    response = await call(issuer, path, f"Bearer {issuer.token(scope='account:read')}")

    assert response.status_code == status


async def test_the_longest_path_counts() -> None:
    issuer = Issuer()
    reads = f"Bearer {issuer.token(scope='customers:read')}"
    exports = f"Bearer {issuer.token(scope='customers:export')}"

    assert (await call(issuer, "/customers/7", reads)).status_code == 200
    assert (await call(issuer, "/customers/export/7", exports)).status_code == 200
    refused = await call(issuer, "/customers/export/7", reads)
    assert 'scope="customers:export"' in refused.headers["www-authenticate"]


async def test_the_root_speaks_for_every_path() -> None:
    issuer = Issuer()
    app = GuardMiddleware(CLINIC, issuer.guard(), scopes={"/": ["admin"]})
    header = (b"authorization", f"Bearer {issuer.token()}".encode())

    for path in ("/", "/anything"):
        assert (await answered({"path": path, "headers": [header]}, app))[0]["status"] == 403


async def answered(
    scope: dict[str, Any], app: GuardMiddleware | None = None
) -> list[MutableMapping[str, Any]]:
    """What the application sends for a bare ASGI scope."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect" if "web" in scope.get("type", "") else "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    usual = {"type": "http", "method": "GET", "headers": [], "query_string": b"", "root_path": ""}
    await (app or guarded(Issuer()))({**usual, **scope}, receive, send)
    return sent


async def test_a_websocket_is_guarded_too() -> None:
    """RFC 6455 §4.2.2: it is refused before it is opened."""
    issuer = Issuer()
    header = (b"Authorization", f"Bearer {issuer.token()}".encode())
    socket = {"type": "websocket", "path": "/talk"}

    closed = await answered(socket)
    told = await answered({**socket, "extensions": {"websocket.http.response": {}}})
    opened = await answered({**socket, "headers": [header]}, guarded(issuer))

    assert closed == [{"type": "websocket.close", "code": 1008}]
    assert [message["type"] for message in told] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert told[0]["status"] == 401
    assert opened[0]["type"] == "websocket.accept"
    assert opened[1]["text"] == "alice"


async def test_what_is_no_request_passes() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await GuardMiddleware(app, Issuer().guard())({"type": "lifespan"}, None, None)  # type: ignore[arg-type]

    assert seen == ["lifespan"]
