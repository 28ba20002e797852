"""One HTTP exchange on bare ASGI: a request read within bounds, an answer as bytes.

The protocol endpoints see repeated headers and parameters as they were sent, and pay for
nothing they do not use; routing and static files are Starlette's.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from flextell.metrics import Answers
from flextell.node.rate_limits import RateLimit, network_of
from flextell.oauth.parameters import Form, MalformedForm, parse_form

Headers = tuple[tuple[bytes, bytes], ...]

FORM = b"application/x-www-form-urlencoded"
NO_STORE: Headers = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
NOSNIFF: Headers = ((b"x-content-type-options", b"nosniff"),)


class HttpProblem(Exception):
    """The request is wrong as HTTP, before any protocol looks at it."""

    def __init__(self, status: HTTPStatus, sentence: str, headers: Headers = ()) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, headers in lower case, and the body."""

    status: int
    headers: Headers
    body: bytes = b""

    def plus(self, *headers: tuple[bytes, bytes]) -> "Answer":
        """The same answer with more headers."""
        return Answer(self.status, (*self.headers, *headers), self.body)


class Request:
    """What came in. Reading is explicit and bounded."""

    __slots__ = ("_limit", "_receive", "scope", "told")

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self.scope = scope
        self._receive = receive
        self._limit = limit
        # Headers that every answer to this request carries, whatever it will be.
        self.told: list[tuple[bytes, bytes]] = []

    @property
    def method(self) -> str:
        """GET, POST, ..."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path, decoded."""
        return str(self.scope["path"])

    @property
    def query(self) -> bytes:
        """The query string as it was sent. Raises HttpProblem if it is longer than allowed."""
        query: bytes = self.scope["query_string"]
        if len(query) > self._limit:
            raise HttpProblem(
                HTTPStatus.REQUEST_URI_TOO_LONG, f"The query is longer than {self._limit} bytes."
            )
        return query

    @property
    def address(self) -> str:
        """The address of the one who called, as far as trusted proxies tell it."""
        client = self.scope.get("client")
        return client[0] if client else "unknown"

    @property
    def network(self) -> str:
        """Whom to count the request under: the address, or its /64 in IPv6."""
        return network_of(self.address)

    def headers(self, name: bytes) -> list[str]:
        """Every value of a header, in order; `name` in lower case."""
        return [value.decode("latin-1") for found, value in self.scope["headers"] if found == name]

    def header(self, name: bytes) -> str | None:
        """The value of a header; None if absent. Raises HttpProblem if it came twice."""
        values = self.headers(name)
        if len(values) > 1:
            raise HttpProblem(
                HTTPStatus.BAD_REQUEST, f"The header {name.decode()} was sent more than once."
            )
        return values[0] if values else None

    async def body(self) -> bytes:
        """The whole body. Raises HttpProblem if it is larger than allowed."""
        declared = self.header(b"content-length")
        # Its first digits say enough; Python refuses to read numbers of thousands of them.
        if declared is not None and declared.isdecimal() and int(declared[:18]) > self._limit:
            raise self._too_large()
        chunks, size = [], 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the client went away")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._limit:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def form(self) -> Form:
        """The body as a form. Raises HttpProblem if it is something else."""
        return read_form(await self.form_bytes())

    async def form_bytes(self) -> bytes:
        """The body, declared to be a form. Raises HttpProblem if it is something else."""
        content_type = self.header(b"content-type") or ""
        if content_type.partition(";")[0].strip().lower().encode("latin-1") != FORM:
            raise HttpProblem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Send the parameters as application/x-www-form-urlencoded in the body.",
            )
        return await self.body()

    def _too_large(self) -> HttpProblem:
        return HttpProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body is larger than {self._limit} bytes.",
            ((b"connection", b"close"),),
        )


def read_form(data: bytes) -> Form:
    """The form in these bytes. Raises HttpProblem if they are none."""
    try:
        return parse_form(data)
    except MalformedForm as problem:
        raise HttpProblem(HTTPStatus.BAD_REQUEST, problem.description) from None


Handler = Callable[[Request], Awaitable[Answer]]
Refuse = Callable[[Request, Exception], Answer]


class Endpoint:
    """An address: a handler for each method, and how this kind of address says no."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        refuse: Refuse,
        limit: int,
        others: RateLimit,
        answers: Answers,
    ) -> None:
        """`limit` is the largest body in bytes; `others` counts what no handler counted."""
        self._handlers = dict(handlers)
        if "GET" in self._handlers:
            self._handlers["HEAD"] = self._handlers["GET"]
        self._allow = ", ".join(sorted(self._handlers)).encode("ascii")
        self._refuse = refuse
        self._limit = limit
        self._others = others
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        request = Request(scope, receive, self._limit)
        try:
            handler = self._handlers.get(request.method)
            if handler is None:
                raise HttpProblem(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    f"This address does not take {request.method} requests."
                    if request.method.isalpha() and len(request.method) < 10
                    else "This address does not take such requests.",
                    ((b"allow", self._allow),),
                )
            answer = await handler(request)
        except ConnectionResetError:
            return
        except Exception as problem:  # noqa: BLE001 - `refuse` tells refusals from bugs
            answer = self._refuse(request, problem)
        told = request.told or self._others.count(request.network).headers()
        await send_answer(send, answer.plus(*told), head=request.method == "HEAD")
        self._answers.answered(answer.status, perf_counter() - began)


async def send_answer(send: Send, answer: Answer, head: bool = False) -> None:
    """Put the answer on the wire."""
    headers = list(answer.headers)
    if answer.status != HTTPStatus.NOT_MODIFIED:
        # In a 304 it would speak of the body that is not sent again (RFC 9110 §8.6).
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


def json(data: Any, status: int = 200, headers: Headers = NO_STORE) -> Answer:
    """An answer for a machine."""
    return Answer(
        status,
        ((b"content-type", b"application/json"), *NOSNIFF, *headers),
        orjson.dumps(data),
    )
