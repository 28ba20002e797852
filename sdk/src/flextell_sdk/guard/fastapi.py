"""Guard endpoints of a FastAPI application by a dependency.

answer_refusals(app, guard)

@app.get("/customers")
async def customers(caller: Annotated[Caller, Depends(guarded(guard, "customers:read"))]): ...
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from flextell_sdk.guard.caller import Caller
from flextell_sdk.guard.guard import Guard
from flextell_sdk.guard.refusals import Refusal
from flextell_sdk.guard.starlette import response

# It decides nothing: it puts the lock into the OpenAPI document.
_IN_THE_DOCUMENT = HTTPBearer(auto_error=False, bearerFormat="at+jwt")


def guarded(guard: Guard, *any_of: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, whose token is good and has one of the scopes.

    It raises a Refusal, so the application must know how to answer one: see `answer_refusals`.
    """

    async def caller(request: Request, _: Annotated[object, Security(_IN_THE_DOCUMENT)]) -> Caller:
        return await guard.check_async(request.headers.getlist("authorization"), *any_of)

    return caller


def answer_refusals(app: FastAPI, guard: Guard) -> None:
    """Have the application answer a Refusal as the guard words it, not as `detail`."""

    async def answered(_: Request, refusal: Exception) -> Response:
        if not isinstance(refusal, Refusal):
            raise refusal
        return response(guard, refusal)

    app.add_exception_handler(Refusal, answered)
