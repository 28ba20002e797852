"""Guard single endpoints of a Starlette application.

@guarded(guard, "customers:read")
async def customers(request): ...  # request.state.caller says who calls
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flextell_sdk.guard.guard import Guard
from flextell_sdk.guard.refusals import Refusal

Endpoint = Callable[..., Any]


def guarded(guard: Guard, *any_of: str) -> Callable[[Endpoint], Callable[..., Awaitable[Response]]]:
    """A decorator for endpoints: functions, or methods of an `HTTPEndpoint`; async or not."""

    def decorate(endpoint: Endpoint) -> Callable[..., Awaitable[Response]]:
        @wraps(endpoint)
        async def behind_the_guard(*arguments: Any) -> Response:
            request: Request = arguments[-1]
            try:
                values = request.headers.getlist("authorization")
                request.state.caller = await guard.check_async(values, *any_of)
            except Refusal as refusal:
                return response(guard, refusal)
            if iscoroutinefunction(endpoint):
                return await endpoint(*arguments)  # type: ignore[no-any-return]
            return await run_in_threadpool(endpoint, *arguments)

        return behind_the_guard

    return decorate


def response(guard: Guard, refusal: Refusal) -> Response:
    """What to send to whom the guard refused."""
    answer = guard.answer(refusal)
    return Response(answer.body, answer.status, dict(answer.headers))
