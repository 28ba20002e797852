"""Endpoints of a FastAPI application behind the guard."""

from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI

from flextell_sdk.guard import Caller, Guard, MissingScope, MissingToken, Unavailable
from flextell_sdk.guard.fastapi import answer_refusals, guarded
from sdk.tests.guard.issuer import Issuer

pytestmark = pytest.mark.anyio


def clinic(guard: Guard) -> FastAPI:
    """An API with an endpoint of its own, and a router that is guarded as a whole."""
    app = FastAPI()
    answer_refusals(app, guard)

    @app.get("/customers")
    async def customers(
        caller: Annotated[Caller, Depends(guarded(guard, "customers:read", "customers:write"))],
        page: int = 1,
    ) -> dict[str, str]:
        return {"subject": caller.subject}

    rooms = APIRouter(dependencies=[Depends(guarded(guard, "rooms:read"))])

    @rooms.get("/rooms")
    def list_rooms() -> dict[str, str]:
        return {"room": "1"}

    app.include_router(rooms)
    return app


async def call(issuer: Issuer, path: str, *headers: str) -> httpx2.Response:
    """A request with these Authorization headers."""
    transport = httpx2.ASGITransport(clinic(issuer.guard()))
    async with httpx2.AsyncClient(transport=transport, base_url="https://clinic.example") as app:
        return await app.get(path, headers=[("authorization", value) for value in headers])


async def test_an_endpoint_knows_who_calls() -> None:
    issuer = Issuer()

    response = await call(issuer, "/customers", f"Bearer {issuer.token()}")

    assert (response.status_code, response.json()) == (200, {"subject": "alice"})


@pytest.mark.parametrize("path", ["/customers", "/customers?page=x", "/rooms"])
async def test_without_a_token_the_answer_is_the_guards_not_fastapis(path: str) -> None:
    """Who asks is judged before what is asked."""
    issuer = Issuer()

    response = await call(issuer, path)

    expected = issuer.guard().answer(MissingToken())
    assert (response.status_code, response.content) == (401, expected.body)
    assert set(expected.headers) <= set(response.headers.items())


async def test_the_missing_scope_is_named() -> None:
    issuer = Issuer()

    response = await call(issuer, "/rooms", f"Bearer {issuer.token()}")

    expected = issuer.guard().answer(MissingScope(("rooms:read",)))
    assert (response.status_code, response.content) == (403, expected.body)


async def test_a_server_that_is_away_is_a_503() -> None:
    issuer = Issuer(down={"everything"})

    response = await call(issuer, "/customers", f"Bearer {issuer.token()}")

    assert response.content == issuer.guard().answer(Unavailable()).body
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")


async def test_two_tokens_in_one_request_are_refused() -> None:
    issuer = Issuer()
    value = f"Bearer {issuer.token()}"

    response = await call(issuer, "/customers", value, value)

    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")


def test_the_document_shows_what_needs_a_token() -> None:
    document = clinic(Issuer().guard()).openapi()

    for path in ("/customers", "/rooms"):
        assert document["paths"][path]["get"]["security"] == [{"HTTPBearer": []}]
    parameters = document["paths"]["/customers"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["page"]
