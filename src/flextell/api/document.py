"""The OpenAPI document, made by FastAPI from the table of routes and the types it names.

FastAPI documents; it does not dispatch. Its request path costs several times what an answer
takes here, its 405 names the methods of one route only, and the table says all it needs.
"""

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature, cleandoc
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Query
from fastapi.routing import APIRoute

from flextell.api import conditional, idempotency
from flextell.api.account import VERSION
from flextell.api.answer_headers import (
    CHALLENGE,
    ETAG,
    EVERY_HEADER,
    PERHAPS_CHALLENGE,
    RETRY,
    of_success,
    takes_if_match,
)
from flextell.api.bodies import Body
from flextell.api.envelopes import Error
from flextell.api.extensions import extensions
from flextell.api.mending import mend
from flextell.api.routes import PREFIX, TABLE
from flextell.api.row import Row, Run
from flextell.oauth.scopes import CATALOGUE, sentence
from flextell.tenants.model import LARGEST_ID

SCHEME = "oauth2"

TenantHeader = Annotated[
    int | None,
    Header(
        alias="X-Tenant",
        description="The tenant to act in; may be left out by those who belong to one only.",
    ),
]
Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=idempotency.PATTERN,
        description="The same request with the same key, within a day, is done once.",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=conditional.PATTERN,
        description="The ETag it must still have, or 412.",
    ),
]


# The codes of errors.STATUS in words, headers of their own, and which rows may answer so.
FAILURES: tuple[tuple[int, str, dict[str, Any], Callable[[Row], bool]], ...] = (
    (
        400,
        "`invalid_request`: something is missing, malformed, or was sent twice.",
        {},
        lambda row: row.query is not None or row.permission is not None or row.writes,
    ),
    (
        401,
        "`unauthorized` or `invalid_token`: there is no good access token.",
        CHALLENGE,
        lambda row: True,
    ),
    (
        403,
        "`insufficient_scope` or `forbidden`: the token or the person may not do this.",
        PERHAPS_CHALLENGE,
        lambda row: bool(row.scopes) or row.permission is not None,
    ),
    (404, "`not_found`: there is no such thing.", {}, lambda row: "{" in row.path),
    (
        409,
        "`conflict`: it is there already, or not in a state for this.",
        {},
        lambda row: row.writes,
    ),
    (
        412,
        "`precondition_failed`: it has changed since it was read.",
        {},
        takes_if_match,
    ),
    (
        413,
        "`payload_too_large`: the body is too large.",
        {},
        lambda row: row.writes,
    ),
    (
        415,
        "`unsupported_media_type`: the body is of another type.",
        {},
        lambda row: row.body is not None or row.prepare is not None,
    ),
    (
        422,
        "`validation_error`: a value breaks its limits, or refers to nothing.",
        {},
        lambda row: row.query is not None or row.writes,
    ),
    (429, "`rate_limit_exceeded`: too many requests in this window.", RETRY, lambda row: True),
    (500, "`server_error`: a fault of ours.", {}, lambda row: True),
    (503, "`service_unavailable`: try again.", RETRY, lambda row: True),
)


def document(issuer: str) -> dict[str, Any]:
    """The document of the API at this issuer."""
    app = FastAPI(
        title="Flextell API",
        version=VERSION,
        servers=[{"url": issuer}],
        routes=[_route(row, method, issuer) for row in TABLE for method in row.methods],
        openapi_url=None,
    )
    made = app.openapi()
    made["components"]["securitySchemes"] = {SCHEME: _scheme(issuer)}
    mend(made, [status for status, *_ in FAILURES])
    return made


def _route(row: Row, method: str, issuer: str) -> APIRoute:
    summary, _, description = cleandoc(row.run.__doc__ or "").partition("\n\n")
    return APIRoute(
        PREFIX + row.path,
        _described(row),
        methods=[method],
        status_code=row.status,
        response_model=row.returns,
        response_description="What was asked for.",
        summary=summary.rstrip("."),
        description=description,
        operation_id=_name(row.run, method),
        tags=[row.path.split("/")[2] if row.path else "about"],
        responses=_responses(row),
        openapi_extra={"security": _security(row.scopes)}
        | _form(row.form)
        | extensions(row, method, _name(row.run, method), issuer),
    )


def _form(form: type[Body] | None) -> dict[str, Any]:
    """The body of an upload (RFC 7578), which FastAPI is not to read."""
    if form is None:
        return {}
    schema = form.model_json_schema()
    schema["properties"] = {"file": {"type": "string", "format": "binary"}, **schema["properties"]}
    schema["required"] = ["file", *schema.get("required", ())]
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


def _described(row: Row) -> Callable[..., None]:
    """A function whose parameters are those of the endpoint."""

    def endpoint(**_: Any) -> None:
        raise NotImplementedError("routes.py names what runs")

    parameters = [
        _parameter(part.strip("{}"), Id) for part in row.path.split("/") if part.startswith("{")
    ]
    if row.permission is not None:
        parameters.append(_parameter("tenant", TenantHeader, None))
    if row.method == "POST":
        parameters.append(_parameter("idempotency_key", IdempotencyKey, None))
    if takes_if_match(row):
        parameters.append(_parameter("if_match", IfMatch, None))
    if row.body is not None:
        parameters.append(_parameter("body", row.body))
    if row.query is not None:
        parameters.append(_parameter("query", Annotated[row.query, Query()]))
    endpoint.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return endpoint


def _parameter(name: str, kind: Any, default: Any = Parameter.empty) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=default)


def _responses(row: Row) -> dict[int | str, dict[str, Any]]:
    described: dict[int | str, dict[str, Any]] = {row.status: {"headers": of_success(row)}}
    if row.single:
        described[304] = {
            "description": "It is as If-None-Match says.",
            "headers": EVERY_HEADER | ETAG,
        }
    if row.method == "DELETE":
        described[204] = {
            "description": "Gone; `Prefer: return=minimal` asked for no body.",
            "headers": EVERY_HEADER,
        }
    for status, description, headers, may_happen in FAILURES:
        if may_happen(row):
            described[status] = {
                "model": Error,
                "description": description,
                "headers": EVERY_HEADER | headers,
            }
    return described


def _security(scopes: Sequence[str]) -> list[dict[str, list[str]]]:
    """Alternatives: each of the scopes suffices."""
    return [{SCHEME: [scope]} for scope in scopes] or [{SCHEME: []}]


def _scheme(issuer: str) -> dict[str, Any]:
    return {
        "type": "oauth2",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": f"{issuer}/oauth/authorize",
                "tokenUrl": f"{issuer}/oauth/token",
                "refreshUrl": f"{issuer}/oauth/token",
                "scopes": {scope: sentence(scope) for scope in CATALOGUE},
            }
        },
    }


def _name(run: Run, method: str) -> str:
    """The name of the operation; a PATCH does the same as the PUT under a name of its own."""
    name = str(getattr(run, "__name__", "endpoint"))
    return f"patch_{name.removeprefix('update_')}" if method == "PATCH" else name
