"""One call of the API: with a token, again where that is safe, and read into a value or an error.

Like `bearer` a generator without I/O, for threads and tasks alike. Beside requests and futures it
yields numbers: seconds to wait.
"""

from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx2

from flextell_sdk.api.operation import Operation
from flextell_sdk.bearer import authorized, challenge
from flextell_sdk.errors import (
    ApiError,
    InsufficientScope,
    RateLimited,
    kind_of,
)
from flextell_sdk.grant import Grant
from flextell_sdk.patience import PASSING, retry_after
from flextell_sdk.token_endpoint import request_id_of
from flextell_sdk.wire import refuse_if_untrusted, unanswered

T = TypeVar("T")
Call = Generator["httpx2.Request | Future[Any] | float", Any, T]


def performed(grant: Grant, operation: Operation[T], request: httpx2.Request) -> Call[T]:
    """What the operation reads out of the answer.

    Sent again after a failure that may pass, if the operation is safe to repeat. Raises ApiError,
    Unreachable, UnexpectedAnswer, and what `Grant.tokens` raises.
    """
    sources = grant.wire.sources
    began = sources.monotonic()
    attempt = 0
    while True:
        attempt += 1
        asked_for = None
        try:
            response = yield from authorized(grant, request)
            if response.status_code not in PASSING:
                return operation.read(body_of(response, grant.wire.server_now()))
            now = grant.wire.server_now()
            asked_for = retry_after(response.headers.get("retry-after"), now)
            problem: Exception = error_of(response, now)
        except (httpx2.RequestError, Unreadable) as failure:
            refuse_if_untrusted(failure)
            problem = failure
        pause = None
        if operation.is_repeatable:
            spent = sources.monotonic() - began
            pause = grant.wire.patience.pause(attempt, spent, asked_for, sources.fraction())
        if pause is None:
            if isinstance(problem, ApiError):
                raise problem
            raise unanswered(request, problem) from problem
        yield pause


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """What a call came to."""

    value: T


def advance(
    call: Call[T], came: object, failure: httpx2.RequestError | None
) -> "httpx2.Request | Future[Any] | float | Finished[T]":
    """Hand in what came, or why nothing did; what to wait for next, or the result."""
    try:
        return call.send(came) if failure is None else call.throw(failure)
    except StopIteration as end:
        return Finished(end.value)


class Unreadable(Exception):
    """A success whose body is cut short, or of somebody between us and the API."""


def body_of(response: httpx2.Response, now: float) -> Any:
    """The JSON of a success, None for a 204. Raises ApiError, Unreadable."""
    if not response.is_success:
        raise error_of(response, now)
    if response.status_code == 204:
        return None
    try:
        return response.json()
    except ValueError:
        raise Unreadable("the answer is no JSON: it was cut short or replaced") from None


def error_of(response: httpx2.Response, now: float) -> ApiError:
    """The error that an answer is; `now` by the server's clock."""
    try:
        said = response.json()
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    error = str(said.get("error") or "unknown")
    message = str(said.get("message") or "The answer says nothing more.")
    kind = kind_of(response.status_code, error)
    problem = kind(response.status_code, error, message, request_id_of(response))
    if isinstance(problem, InsufficientScope):
        problem.scopes = tuple(challenge(response).get("scope", "").split())
    if isinstance(problem, RateLimited):
        problem.retry_after = retry_after(response.headers.get("retry-after"), now)
    return problem
