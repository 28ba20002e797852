"""Bound what one connection may cost before its request is whole (RFC 9110, RFC 9112).

uvicorn bounds neither the bytes nor the time of a request's head and body. Here both have an
end, a message that two servers could read in two ways is refused, and trailers are dropped.
A connection has no timers of its own: the server calls `watch` on each once a second.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from flextell.joined_writes import JoinedWrites

# RFC 3986 §3.2.2, §3.2.3: what a host and a port are made of; a user's name is none of it.
HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
VERSIONS = ("1.0", "1.1")
# Each request that waits for its turn costs some kilobytes, and fits in thirty bytes.
PIPELINED_REQUESTS = 100

MALFORMED = "The request is not valid HTTP/1.1."
REFUSALS = {
    400: "malformed_request",
    408: "request_timeout",
    414: "target_too_long",
    431: "head_too_large",
    501: "transfer_encoding_unsupported",
}

# What a connection is given time for: to send a head, to send a body, to take its answer.
Awaited = Literal["head", "body", "taking"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Size of a head (request line and headers) in bytes, and patience in seconds.

    `head_bytes` bounds also what frames a chunked body: sizes, extensions, trailers.
    `body_seconds` is also the time that a client has to take a bufferful of an answer that is
    waiting for it. Whoever sends a long body has a second more for every `slow_bytes` of it.
    """

    head_bytes: int = 64 * 1024
    head_seconds: int = 10
    body_seconds: int = 30
    slow_bytes: int = 16 * 1024

    def seconds(self, awaited: Awaited) -> int:
        """How long it may take."""
        return self.head_seconds if awaited == "head" else self.body_seconds


class RefusedError(Exception):
    """A request that is not read any further: the status and a sentence for its developer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def check_head(version: str, headers: list[tuple[bytes, bytes]]) -> None:
    """Raise RefusedError unless all servers read this head alike (RFC 9112 §2.3, §3.2, §6.1)."""
    if version not in VERSIONS:
        raise RefusedError(400, "The request must be HTTP/1.1 or HTTP/1.0.")
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise RefusedError(400, "The request must have exactly one Host header.")
    if hosts and not HOST.fullmatch(headers[names.index(b"host")][1]):
        raise RefusedError(400, "The Host header must be a host and perhaps a port.")
    if b"transfer-encoding" in names:
        if version == "1.0":
            raise RefusedError(400, "HTTP/1.0 knows no Transfer-Encoding header.")
        if headers[names.index(b"transfer-encoding")][1].lower() != b"chunked":
            raise RefusedError(501, "The only Transfer-Encoding understood is chunked.")


class HttpProtocol(HttpToolsProtocol):
    """One connection. Where a method has no docstring, it is uvicorn's, which calls it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        bounds: Bounds,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.url = b""
        self._bounds = bounds
        self._head_bytes = bounds.head_bytes
        # Bytes of the message now coming that are not its body.
        self._framing = 0
        self._in_body = False
        self._is_deaf = False
        self._refusal: RefusedError | None = None
        self._awaited: Awaited | None = None
        self._deadline = 0.0
        # Seconds more, for as much of a body as has come.
        self._earned = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)  # type: ignore[assignment]

    def watch(self, now: float) -> None:
        """End the connection if its client has had its time. `now`: seconds of the loop's clock."""
        awaited = self._waits_for()
        if awaited != self._awaited:
            self._awaited = awaited
            self._deadline = now + self._bounds.seconds(awaited) if awaited else 0.0
        elif not awaited or now < self._deadline + (self._earned if awaited == "body" else 0):
            return
        elif awaited == "taking":
            self.transport.abort()
        elif self._framing or self._in_body:
            self._refuse(RefusedError(408, "The request did not come whole in time."))
        else:
            self.transport.close()

    def idle_until(self) -> float | None:
        """When this connection, if nothing at all is under way on it, ends (the loop's clock)."""
        if self.timeout_keep_alive_task is not None and not self._in_body:
            return self.timeout_keep_alive_task.when()
        if self._waits_for() == "head" and not self._framing:
            return self._deadline
        return None

    def _waits_for(self) -> Awaited | None:
        if self.transport.is_closing() or self.flow.write_paused:
            return "taking"
        if self._in_body:
            return None if self.flow.read_paused else "body"
        if self.timeout_keep_alive_task is not None or self._is_answering():
            return None
        return "head"

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request
        return cycle is not None and not cycle.response_complete

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._framing += len(data)
        super().data_received(data)
        if self._framing > self._head_bytes and not self._is_deaf:
            self._refuse(self._too_large())

    def on_header(self, name: bytes, value: bytes) -> None:
        # As uvicorn has it, without the cost of calling it for each header.
        name = name.lower()
        if self._in_body:
            return  # RFC 9110 §6.5.1: a trailer is not a header, and may not become one.
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        try:
            check_head(self.parser.get_http_version(), self.headers)
            # What came at once may hold a body or more requests: only then count anew.
            if self._framing > self._head_bytes and self._head_size() > self._head_bytes:
                raise self._too_large()
            if len(self.pipeline) >= PIPELINED_REQUESTS:
                raise RefusedError(400, "Too many requests came before their turn.")
        except RefusedError as refusal:
            self._refusal = refusal
            raise
        super().on_headers_complete()
        self._in_body = True
        self._awaited = None
        if self.parser.should_upgrade():
            # The parser reads nothing after this request, so it is the last one.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._framing -= len(body)
        if self._is_answering():  # Who has an answer sends in vain.
            self._earned += len(body) / self._bounds.slow_bytes
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        self._framing = 0
        self._awaited = None
        self._earned = 0.0

    def resume_writing(self) -> None:
        super().resume_writing()
        # It took what was waiting: for what will be it has its time anew.
        self._awaited = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or RefusedError(400, MALFORMED))

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> RefusedError:
        if self._in_body:
            return RefusedError(400, "The chunks of the body have too much around them.")
        if len(self.url) > self._head_bytes // 2:
            return RefusedError(414, "The request target is too long.")
        return RefusedError(431, "The headers of the request are too large.")

    def _refuse(self, refusal: RefusedError) -> None:
        """Read no more; answer, unless an earlier request is owed its answer first; close."""
        self._is_deaf = True
        if self._is_answering() and not self._in_body:
            # An answer now would be taken for that of the earlier request: that one ends it.
            self.cycle.keep_alive = False
            return
        if not self._in_body:
            self._answer(refusal)
        elif self._is_answering():
            if not self.cycle.response_started and not self.pipeline:
                self._answer(refusal)
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _answer(self, refusal: RefusedError) -> None:
        body = orjson.dumps({"error": REFUSALS[refusal.status], "message": refusal.sentence})
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        lines = [b"%b: %b\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[refusal.status], *lines, b"\r\n", body]))
