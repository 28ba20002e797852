"""One call: what comes of each answer, and which calls are made again. In threads and tasks."""

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any

import httpx2
import pytest

from flextell_sdk.errors import (
    ApiError,
    BadRequest,
    Conflict,
    FlextellError,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    ServerFailed,
    Unauthorized,
    Unreachable,
)
from flextell_sdk.patience import USUAL
from sdk.tests.clock import NOON
from sdk.tests.fake_server import ABOUT, TOKEN
from sdk.tests.faults import Fault, cut_short, is_lost, meanwhile, never_arrives, no_fault, says
from sdk.tests.world import World

pytestmark = pytest.mark.anyio

NOTES = "/api/v1/notes"

Call = Callable[..., Awaitable[Any]]


# What comes of a call whose first answers are these, and how often it was made.
SCRIPTS: dict[str, tuple[list[Fault], type[FlextellError] | None, int]] = {
    "all is well": ([no_fault], None, 1),
    "nothing to say": ([says(204, b"")], None, 1),
    "bad request": ([says(400)], BadRequest, 1),
    "unauthorized": ([says(401)], Unauthorized, 1),
    "forbidden": ([says(403)], Forbidden, 1),
    "not found": ([says(404)], NotFound, 1),
    "a status without a class of its own": ([says(418)], ApiError, 1),
    "a redirect": ([says(302, location="https://evil.example/")], ApiError, 1),
    "conflict": ([says(409)], Conflict, 1),
    "changed meanwhile": ([says(412)], Conflict, 1),
    "against a rule": ([says(422)], Invalid, 1),
    "too many for a moment": ([says(429, retry_after="2"), no_fault], None, 2),
    "too many for an hour": ([says(429, retry_after="3600")], RateLimited, 1),
    "not implemented": ([says(501)], ServerFailed, 1),
    "down for a moment": ([says(503), says(502), says(500), says(504), no_fault], None, 5),
    "down for good": ([says(503)] * USUAL.attempts, ServerFailed, USUAL.attempts),
    "the answer is lost": ([is_lost(), no_fault], None, 2),
    "the answer takes too long": ([is_lost(httpx2.ReadTimeout), no_fault], None, 2),
    "nothing arrives for good": ([never_arrives()] * USUAL.attempts, Unreachable, USUAL.attempts),
    "cut short": ([cut_short, no_fault], None, 2),
    "a page of somebody between": ([says(200, b"<html>")] * 8, Unreachable, USUAL.attempts),
    "garbled": ([says(200, b"not gzip", content_encoding="gzip"), no_fault], None, 2),
}


@pytest.mark.parametrize(("faults", "problem", "times"), SCRIPTS.values(), ids=SCRIPTS)
async def test_what_comes_of_a_call(
    world: World,
    call: Call,
    faults: list[Fault],
    problem: type[FlextellError] | None,
    times: int,
) -> None:
    alice = world.alice()
    world.server.instead(ABOUT, *faults)
    came: object = None
    try:
        await call(alice, "GET", "")
    except FlextellError as raised:
        came = type(raised)

    assert (came, world.server.times(ABOUT)) == (problem, times)
    assert world.server.times(TOKEN) == 0


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("fault", [says(503), says(429), is_lost(), says(200, b"{")])
async def test_what_may_have_happened_is_not_done_again(
    world: World, call: Call, method: str, fault: Fault
) -> None:
    """RFC 9110 §9.2.2: it MUST NOT be repeated by itself unless it is known to be idempotent."""
    alice = world.alice()
    world.server.instead(NOTES, fault)
    with pytest.raises((ApiError, Unreachable)):
        await call(alice, method, "/v1/notes", body={"text": "hello"})

    assert world.server.times(NOTES) == 1


@pytest.mark.parametrize("fault", [says(503), says(429), is_lost(), cut_short])
async def test_with_a_key_it_is_and_the_key_is_the_same(
    world: World, call: Call, fault: Fault
) -> None:
    alice = world.alice()
    world.server.instead(NOTES, fault)
    await call(alice, "POST", "/v1/notes", body={"text": "hello"}, idempotency_key="note-1")

    keys = [seen.headers["idempotency-key"] for seen in world.server.at(NOTES)]
    assert keys == ["note-1", "note-1"]
    assert {seen.body for seen in world.server.at(NOTES)} == {b'{"text":"hello"}'}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_what_is_as_good_twice_as_once_is_done_again(
    world: World, call: Call, method: str
) -> None:
    """RFC 9110 §9.2.2."""
    alice = world.alice()
    world.server.instead(NOTES, is_lost(), says(200))
    await call(alice, method, "/v1/notes")

    assert world.server.times(NOTES) == 2


async def test_a_rejected_token_is_no_reason_to_give_up_a_call_that_was_not_made(
    world: World, call: Call
) -> None:
    alice = world.alice()
    world.server.revoke_access()
    said = await call(alice, "POST", "/v1/notes", body={"text": "hello"})

    assert said["data"] == {"said": {"text": "hello"}, "number": 2}


async def test_the_pauses_are_those_that_the_api_asks_for(world: World, call: Call) -> None:
    """RFC 9110 §10.2.3."""
    alice = world.alice()
    in_five = formatdate(NOON + 5, usegmt=True)
    world.server.instead(ABOUT, says(429, retry_after="3"), says(503, retry_after=in_five))
    await call(alice, "GET", "")
    first, second = world.clock.pauses

    assert 3.0 <= first <= 3.25
    assert 5.0 <= first + second <= 6.0


async def test_an_error_says_what_the_api_said(world: World, call: Call) -> None:
    alice = world.alice()
    said = {"error": "validation_error", "message": "min_age is above max_age."}
    world.server.instead(ABOUT, says(422, said, request_id="r-7"))
    with pytest.raises(Invalid) as problem:
        await call(alice, "GET", "")

    raised = problem.value
    assert (raised.status, raised.error, raised.message, raised.request_id) == (
        *(422, "validation_error", "min_age is above max_age.", "r-7"),
    )


@pytest.mark.parametrize("body", [b"", b"<html>", [], "text", None, {}, {"error": None}])
async def test_an_error_that_says_nothing_is_one_too(
    world: World, call: Call, body: object
) -> None:
    alice = world.alice()
    world.server.instead(ABOUT, says(404, body, x_request_id="r-8"))
    with pytest.raises(NotFound) as problem:
        await call(alice, "GET", "")

    assert (problem.value.error, problem.value.request_id) == ("unknown", "r-8")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3600", 3600.0),
        (formatdate(NOON + 3600, usegmt=True), 3600.0),
        (formatdate(NOON - 10, usegmt=True), 0.0),
        ("soon", None),
    ],
)
async def test_too_many_requests_say_when_there_may_be_more(
    world: World, call: Call, header: str, seconds: float | None
) -> None:
    """RFC 6585 §4. In seconds from now, also where the API names the moment."""
    alice = world.alice()
    world.server.instead(NOTES, says(429, retry_after=header))
    with pytest.raises(RateLimited) as problem:
        await call(alice, "POST", "/v1/notes")

    assert problem.value.retry_after == pytest.approx(seconds, abs=1.0)


@pytest.mark.parametrize("faults", [[says(503)] * 8, [never_arrives()] * 8, [says(404)]])
async def test_the_cause_of_an_error_is_never_itself(
    world: World, call: Call, faults: list[Fault]
) -> None:
    """Whoever walks along the causes comes to an end."""
    alice = world.alice()
    world.server.instead(ABOUT, *faults)
    with pytest.raises(FlextellError) as problem:
        await call(alice, "GET", "")

    assert problem.value.__cause__ is not problem.value


async def test_what_cannot_be_reached_is_named_without_what_was_asked(
    world: World, call: Call
) -> None:
    alice = world.alice()
    world.server.always["/api/v1/notes/secret-42"] = never_arrives()
    with pytest.raises(Unreachable, match=r"auth\.example") as problem:
        await call(alice, "GET", "/v1/notes/secret-42", query={"q": "secret-43"})

    assert "secret-4" not in f"{problem.value!r}"
    assert "access-token" not in f"{problem.value!r}"


async def test_a_close_during_a_call_does_not_end_it(world: World, call: Call) -> None:
    """Whoever goes on, may."""
    alice = world.alice()
    world.server.instead(ABOUT, meanwhile(world.photos.close, says(503)))

    assert (await call(alice, "GET", ""))["data"]["version"] == "v1"
