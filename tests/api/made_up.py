"""Requests that Schemathesis makes up from the OpenAPI document, some of them nearly right.

Left to itself it asks for ids that nobody has and acts in tenants that are nobody's: then all that
can be seen is 403 and 404.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import schemathesis
from hypothesis import assume
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode, Response
from schemathesis.specs.openapi.schemas import OpenApiSchema
from starlette.types import ASGIApp, Message, Scope

from flextell.api.document import document
from flextell.api.parameters import PAGING
from flextell.api.routes import PREFIX, TABLE
from tests.api.furnished import SPARED, USERS
from tests.world import ISSUER

NAMES = [f"{method} {PREFIX}{row.path}" for row in TABLE for method in row.methods]
"""Every operation, as Schemathesis calls it."""


@cache
def schema() -> OpenApiSchema:
    """The document as Schemathesis reads it."""
    made = schemathesis.openapi.from_dict(document(ISSUER))
    # What is wrong leads nowhere: it is asked by itself (see `anything`), not in a scenario.
    made.config.generation.update(modes=[GenerationMode.POSITIVE])
    return made


@cache
def operation(name: str) -> APIOperation[Any, Any, Any, Any]:
    """The operation of this name."""
    found = schema().find_operation_by_label(name)
    assert found is not None, name
    return found


# The number of the first thing of each kind, and one that no scenario comes to.
FIRST, MANY = 1, 1000
# The simplest request, which Hypothesis tries first, is the most likely to find something.
MOSTLY = st.sampled_from([True, True, True, False])


@st.composite
def near(
    draw: st.DrawFn,
    name: str,
    places: Sequence[Mapping[str, int]],
    known: Mapping[str, Sequence[Any]],
) -> Case[Any]:
    """A request of the operation of this name that keeps to the document, or does not quite."""
    case = draw(anything(name))
    if draw(MOSTLY) and places:
        case.path_parameters = dict(draw(st.sampled_from(places)))
    # Whoever asks must be able to go on asking.
    assume(not is_spared(case))
    if draw(MOSTLY):
        for header in ("X-Tenant", "If-Match"):
            case.headers.pop(header, None)
    if isinstance(case.body, dict) and draw(MOSTLY):
        right = {name: draw(st.sampled_from(known[name])) for name in case.body if name in known}
        case.body = case.body | right
    return case


def anything(name: str) -> st.SearchStrategy[Case[Any]]:
    """Requests of an operation that keep to the document, and those that do not."""
    of = operation(name)
    parts = (of.path_parameters, of.headers, of.query, of.body)
    right = of.as_strategy(GenerationMode.POSITIVE)
    # Nothing can be wrong with a request that has no part.
    return right | of.as_strategy(GenerationMode.NEGATIVE) if any(map(len, parts)) else right


def set_on_track(case: Case[Any], known: Mapping[str, Sequence[Any]], turn: int) -> None:
    """Let a step of a scenario find something: what was linked stays, what was made up does not."""
    for header in ("X-Tenant", "If-Match"):
        case.headers.pop(header, None)
    case.query = {name: value for name, value in case.query.items() if name not in PAGING}
    ids = case.path_parameters
    case.path_parameters = {name: FIRST if int(ids[name]) > MANY else ids[name] for name in ids}
    if case.path.startswith(USERS) and is_spared(case):
        case.path_parameters = {**case.path_parameters, "id": MANY}
    if isinstance(case.body, dict):
        right = {name: some[turn % len(some)] for name, some in known.items()}
        case.body = {name: right.get(name, was) for name, was in case.body.items()}


def is_spared(case: Case[Any]) -> bool:
    """Whether it would change what others must find as it is."""
    return case.method != "GET" and any(
        case.path.startswith(path) and case.path_parameters.get("id") in ids
        for path, ids in SPARED.items()
    )


async def sent(app: ASGIApp, case: Case[Any], headers: Mapping[str, str]) -> Response:
    """The answer to a request with these headers too, however long its address is."""
    request = prepared(case, headers)
    url, body = urlsplit(str(request.url)), request.body or b""
    content = body.encode() if isinstance(body, str) else body
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": content}

    async def send(message: Message) -> None:
        messages.append(message)

    scope: Scope = {
        "type": "http",
        "method": request.method,
        "path": unquote(url.path),
        "query_string": url.query.encode(),
        "headers": [
            (_bytes(name).lower(), _bytes(value)) for name, value in request.headers.items()
        ],
        "client": ("192.0.2.1", 5),
    }
    await app(scope, receive, send)
    start, end = messages
    told: dict[str, list[str]] = {}
    for field, value in start["headers"]:
        told.setdefault(field.decode(), []).append(value.decode("latin-1"))
    return Response(start["status"], told, end["body"], request, 0.0, verify=False)


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


def prepared(case: Case[Any], headers: Mapping[str, str]) -> requests.PreparedRequest:
    """The request as its bytes would be."""
    parts = case.as_transport_kwargs(base_url=ISSUER, headers=dict(headers))
    return requests.Request(**parts).prepare()
