"""The API as one ASGI application: who asks is judged before what is asked.

The order is always the same: token, rate limit, path, scope, tenant and permission, parameters.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send

from flextell import log
from flextell.api import envelopes, errors, routes
from flextell.api import work as work_of
from flextell.api.asked import Answer, Asked
from flextell.api.idempotency import REPLAYED
from flextell.api.incoming import ClientGone, Incoming
from flextell.api.routes import Node
from flextell.api.row import Provisional, Row
from flextell.api.shapes.encoding import CONTENT_TYPE, encode
from flextell.api.work import Taken, take
from flextell.metrics import ELSEWHERE, REFUSALS, Answers
from flextell.node.rate_limits import network_of
from flextell.oauth import bearer
from flextell.oauth.access_token import AccessToken
from flextell.parts import Parts
from flextell.store.port import Store, StoreUnavailable, Unit

DOCUMENT_PATH = "/api/openapi.json"

COMMON_HEADERS = [
    (b"content-type", CONTENT_TYPE),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]

# They speak of no body (RFC 9110 §8.6).
BODILESS = frozenset({204, 304})


def build_api(parts: Parts, table: Sequence[Row] = routes.TABLE) -> ASGIApp:
    """The API, to be given every HTTP request whose path is /api or begins with /api/."""
    return Api(parts, table)


class Api:
    """Takes a request through the steps and answers it."""

    def __init__(self, parts: Parts, table: Sequence[Row]) -> None:
        self._parts = parts
        self._tree = routes.tree(table)
        self._issuer = parts.settings.issuer
        self._success = envelopes.success(parts.settings)
        paths = {DOCUMENT_PATH, ELSEWHERE, *(routes.PREFIX + row.path for row in table)}
        self._answers = {path: Answers(parts.metrics, path) for path in sorted(paths)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = perf_counter()
        incoming = Incoming(scope, receive)
        token, refusal = await self._token(incoming)
        standing = self._parts.api_limit.count(token.grant_id if token else address_key(scope))
        request_id = ""
        try:
            if standing.exceeded:
                raise errors.too_many(standing, self._parts.sources.now())
            answer = await self._answer(incoming, token, refusal)
        except ClientGone:
            return
        except Exception as problem:  # noqa: BLE001 - whatever it is, the client gets an answer
            answer, request_id = refused_answer(self._parts, problem, scope["path"])
        request_id = request_id or self._parts.sources.random(8).hex()
        headers = [
            *(COMMON_HEADERS if answer.status not in BODILESS else COMMON_HEADERS[1:]),
            (b"request-id", request_id.encode("ascii")),
            *standing.headers(),
            *answer.headers,
        ]
        if answer.status not in BODILESS:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        answers = self._answers.get(scope["path"]) or self._answers[self._endpoint(scope)]
        answers.answered(answer.status, perf_counter() - began)

    def _endpoint(self, scope: Scope) -> str:
        """The path as our table has it: what stands in the request is anybody's text."""
        place = routes.walk(self._tree, scope["path"])
        return place[0].path or ELSEWHERE if place else ELSEWHERE

    async def _token(self, incoming: Incoming) -> tuple[AccessToken | None, Exception]:
        """The proven token, or None and why not, to be raised where the path needs one."""
        try:
            token = await self._parts.bearer.check(incoming.values(b"authorization"))
        except Exception as problem:  # noqa: BLE001 - a bug is one where a token is needed
            return None, problem
        return token, bearer.MissingToken()

    async def _answer(
        self, incoming: Incoming, token: AccessToken | None, refusal: Exception
    ) -> Answer:
        """The answer to a request. Raises what `errors.api_error` knows."""
        scope = incoming.scope
        if scope["path"] == DOCUMENT_PATH:
            return await self._document(scope["method"])
        row, node, ids = routes.find(self._tree, scope["method"], scope["path"])
        if token is None:
            raise refusal
        bearer.need_scope(token.scopes, row.scopes)
        asked = Asked(
            ids=ids,
            query=scope["query_string"],
            url=self._issuer + scope["path"],
            now=self._parts.sources.now(),
            success=self._success,
            addresses=self._parts.file_addresses,
        )
        if row.writes:
            return await self._change(row, node, token, incoming, asked)
        work = partial(work_of.show, row=row, token=token, incoming=incoming, asked=asked)
        return await self._parts.store.read(work, brief=row.brief)

    async def _change(
        self, row: Row, node: Node, token: AccessToken, incoming: Incoming, asked: Asked
    ) -> Answer:
        """Take in what came, then change something in one unit of work."""
        store = self._parts.store
        if row.prepare is not None:
            # What is costly to take in is taken from those only who may do it.
            let_in = partial(work_of.let_in, row=row, token=token, incoming=incoming)
            prepared = await row.prepare(self._parts, await store.read(let_in), incoming)
            asked = replace(asked, prepared_value=prepared)
            taken = Taken(b"")
        else:
            taken = take(row, incoming, await incoming.body())
        work = partial(
            work_of.change,
            row=row,
            node=node,
            token=token,
            incoming=incoming,
            asked=asked,
            taken=taken,
        )
        return await _written(store, work, asked.prepared_value)

    async def _document(self, method: str) -> Answer:
        """The OpenAPI document, open to all."""
        if method not in ("GET", "HEAD"):
            raise errors.wrong_method(("GET", "HEAD"))
        return Answer(200, await asyncio.to_thread(lambda: self._document_bytes))

    @cached_property
    def _document_bytes(self) -> bytes:
        # Imported where it is used: FastAPI takes half a second to load, and few ask for this.
        from flextell.api.document import document  # noqa: PLC0415

        return encode(document(self._issuer))


async def _written(store: Store, work: Callable[[Unit], Answer], prepared: object) -> Answer:
    """Run a unit of work; if it does not take what was prepared for it, that is taken back."""
    if not isinstance(prepared, Provisional):
        return await store.write(work)
    try:
        answer = await store.write(work)
    except StoreUnavailable:
        raise  # Whether it was taken is not known.
    except Exception:
        await prepared.take_back()
        raise
    if REPLAYED in answer.headers:
        await prepared.take_back()
    return answer


def refused_answer(parts: Parts, problem: Exception, path: str) -> tuple[Answer, str]:
    """The answer to what went wrong, counted; and the id of what was logged as our fault, if so."""
    refused = errors.api_error(problem, parts.settings.issuer)
    parts.metrics.count(REFUSALS, refused.code)
    request_id = ""
    if refused.code == "server_error":
        request_id = log.bug(problem, parts.sources, path=path)
    elif isinstance(problem, StoreUnavailable):
        log.operational("store_unavailable", path=path, reason=str(problem))
    return errors.answer(refused), request_id


def address_key(scope: Scope) -> str:
    """What those without a valid token are counted under. No grant's id has a space."""
    client = scope.get("client")
    return f"address {network_of(client[0]) if client else 'unknown'}"
