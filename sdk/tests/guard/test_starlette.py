"""Single endpoints of a Starlette application behind the guard."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from flextell_sdk.guard import MissingScope, MissingToken
from flextell_sdk.guard.starlette import guarded
from sdk.tests.guard.issuer import Issuer

pytestmark = pytest.mark.anyio


def clinic(issuer: Issuer) -> httpx2.AsyncClient:
    """An API with an async endpoint, one that is not, and one that is a class."""
    guard = issuer.guard()

    @guarded(guard, "customers:read")
    async def customers(request: Request) -> Response:
        return PlainTextResponse(request.state.caller.subject)

    @guarded(guard)
    def slow(request: Request) -> Response:
        return PlainTextResponse(request.state.caller.client_id)

    class Rooms(HTTPEndpoint):
        @guarded(guard, "rooms:read", "rooms:write")
        async def get(self, request: Request) -> Response:
            return PlainTextResponse("rooms")

    routes = [Route("/customers", customers), Route("/slow", slow), Route("/rooms", Rooms)]
    transport = httpx2.ASGITransport(Starlette(routes=routes))
    return httpx2.AsyncClient(transport=transport, base_url="https://clinic.example")


@pytest.mark.parametrize(
    ("path", "text"), [("/customers", "alice"), ("/slow", "photos"), ("/rooms", "rooms")]
)
async def test_an_endpoint_runs_for_a_good_token(path: str, text: str) -> None:
    issuer = Issuer()
    token = issuer.token(scope="customers:read rooms:write")
    async with clinic(issuer) as app:
        response = await app.get(path, headers={"authorization": f"Bearer {token}"})

    assert (response.status_code, response.text) == (200, text)


@pytest.mark.parametrize("path", ["/customers", "/slow", "/rooms"])
async def test_no_endpoint_runs_without_one(path: str) -> None:
    issuer = Issuer()
    async with clinic(issuer) as app:
        response = await app.get(path)

    expected = issuer.guard().answer(MissingToken())
    assert (response.status_code, response.content) == (401, expected.body)
    assert set(expected.headers) <= set(response.headers.items())
    assert response.headers.get_list("content-type") == ["application/json"]


async def test_the_missing_scope_is_named() -> None:
    issuer = Issuer()
    async with clinic(issuer) as app:
        response = await app.get("/rooms", headers={"authorization": f"Bearer {issuer.token()}"})

    expected = issuer.guard().answer(MissingScope(("rooms:read", "rooms:write")))
    assert (response.status_code, response.content) == (403, expected.body)


async def test_two_tokens_in_one_request_are_refused() -> None:
    issuer = Issuer()
    twice = [("authorization", f"Bearer {issuer.token()}")] * 2
    async with clinic(issuer) as app:
        response = await app.get("/customers", headers=twice)

    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
