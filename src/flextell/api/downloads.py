"""Files as they are, at an address that opens one for some minutes (RFC 9110 §9.3.1, §14).

No token is needed, the address is all. Nothing that is sent can run in our origin: it is to be
saved (RFC 6266), its type is one that our own table has, and a browser that shows it all the same
does so in a sandbox without scripts.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from flextell import log
from flextell.api import conditional, errors, ranges
from flextell.api.asked import Answer, Header
from flextell.api.build import COMMON_HEADERS, address_key, refused_answer
from flextell.api.errors import ApiError
from flextell.api.incoming import Incoming
from flextell.api.ranges import NotSatisfiable, Stretch
from flextell.metrics import Answers
from flextell.node.file_room import Reading
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.tenants.file_addresses import PATH, Opened
from flextell.tenants.file_types import TYPES, UNKNOWN
from flextell.tenants.files import File

# What stands for every address, in metrics and logs: an address is a key.
ENDPOINT = f"{PATH}{{token}}"
CHUNK_BYTES = 256 * 1024

GUARDS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"cross-origin-resource-policy", b"same-site"),
    (b"referrer-policy", b"no-referrer"),
)


def build_downloads(parts: Parts) -> ASGIApp:
    """The downloads, to be given every HTTP request whose path begins with /files/."""
    return Downloads(parts)


class Downloads:
    """Answers a request with a file, a stretch of it, or a refusal."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._answers = Answers(parts.metrics, ENDPOINT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = perf_counter()
        standing = self._parts.api_limit.count(address_key(scope))
        reply = _Reply(scope["method"], send, tuple(standing.headers()))
        try:
            if standing.exceeded:
                raise errors.too_many(standing, self._parts.sources.now())
            await self._serve(Incoming(scope, receive), reply)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the client gets an answer
            answer, request_id = refused_answer(self._parts, problem, ENDPOINT)
            if reply.status is not None:
                return  # Cut short: the connection ends before the length that was told.
            await reply.whole(answer, request_id)
        self._answers.answered(reply.status or 500, perf_counter() - began)

    async def _serve(self, incoming: Incoming, reply: "_Reply") -> None:
        if incoming.scope["method"] not in ("GET", "HEAD"):
            raise errors.wrong_method(("GET", "HEAD"))
        now = self._parts.sources.now()
        token = incoming.scope["path"].removeprefix(PATH)
        opened = self._parts.file_addresses.read(token, now)
        if opened is None:
            raise _nothing()
        file = await self._parts.store.read(partial(_living, opened=opened))
        kept = _kept_by_clients(file, opened.expires_at - now)
        if conditional.is_known(incoming.values(b"if-none-match"), _tag(file)):
            await reply.whole(Answer(304, b"", kept), "")
            return
        async with self._parts.file_room.reading(file.stored_as or "") as reading:
            if reading is None:
                log.operational("file_missing", tenant_id=file.tenant_id, file_id=file.file_id)
                raise _nothing()
            await _sent(incoming, reply, file, kept, reading)


def _living(unit: Unit, opened: Opened) -> File:
    unit.within(opened.tenant_id)
    file = unit.files.get(opened.tenant_id, opened.file_id)
    if file is None:
        raise _nothing()
    return file


def _nothing() -> ApiError:
    return ApiError(
        "not_found",
        "There is no file at this address, or no longer. The API tells the one that is good now.",
    )


async def _sent(
    incoming: Incoming,
    reply: "_Reply",
    file: File,
    kept: tuple[Header, ...],
    reading: Reading,
) -> None:
    """Send the file or the stretch that was asked for, as fast as the client takes it."""
    part = _asked_stretch(incoming, file)
    described = _described(file) + kept + GUARDS
    if part is None:
        part = Stretch(0, file.size)
        await reply.begin(200, described, part.size)
    else:
        place = f"bytes {part.start}-{part.end - 1}/{file.size}".encode("ascii")
        await reply.begin(206, (*described, (b"content-range", place)), part.size)
    async with _hung_up(incoming.receive) as has_gone:
        position = part.start
        while position < part.end and reply.wants_body and not has_gone():
            chunk = await reading.read(position, min(CHUNK_BYTES, part.end - position))
            if not chunk:
                raise EOFError("a file is shorter than it was")
            position += len(chunk)
            await reply.more(chunk)
        if not has_gone():
            await reply.end()


def _asked_stretch(incoming: Incoming, file: File) -> Stretch | None:
    """The stretch that was asked for. Raises ApiError (416)."""
    if incoming.one(b"if-range") not in (None, _tag(file)):
        return None  # It has another state of it (RFC 9110 §13.1.5).
    try:
        return ranges.stretch(incoming.one(b"range"), file.size)
    except NotSatisfiable:
        raise ApiError(
            "range_not_satisfiable",
            "The header Range names bytes beyond the end of the file.",
            ((b"content-range", b"bytes */%d" % file.size),),
        ) from None


def _tag(file: File) -> str:
    return f'"{urlsafe_b64encode(file.sha256[:18]).decode("ascii")}"'


def _described(file: File) -> tuple[Header, ...]:
    """What it is, and that it is to be saved (RFC 6266 §4, RFC 8187)."""
    kind = file.mime_type if file.mime_type in TYPES else UNKNOWN
    return (
        (b"content-type", kind.encode("ascii")),
        (b"content-disposition", f"attachment; filename*=UTF-8''{quote(file.name, '')}".encode()),
        (b"accept-ranges", b"bytes"),
    )


def _kept_by_clients(file: File, seconds: int) -> tuple[Header, ...]:
    """The person's own browser may keep it as long as the address is good."""
    return (
        (b"etag", _tag(file).encode("ascii")),
        (b"cache-control", b"private, max-age=%d" % seconds),
    )


@asynccontextmanager
async def _hung_up(receive: Receive) -> AsyncIterator[Callable[[], bool]]:
    """Whether the client has gone: what is sent to it then goes nowhere, without a word."""

    async def until_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waiting = asyncio.create_task(until_gone())
    try:
        yield waiting.done
    finally:
        waiting.cancel()


class _Reply:
    """The answer on its way out."""

    def __init__(self, method: str, send: Send, told: tuple[Header, ...]) -> None:
        self.wants_body = method != "HEAD"
        self.status: int | None = None
        self._send = send
        self._told = told

    async def begin(self, status: int, headers: tuple[Header, ...], size: int | None) -> None:
        """Send the head."""
        length = () if size is None else ((b"content-length", b"%d" % size),)
        self.status = status
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, *self._told, *length],
            }
        )

    async def more(self, chunk: bytes) -> None:
        """Send more of the body."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        """There is no more."""
        await self._send({"type": "http.response.body", "body": b""})

    async def whole(self, answer: Answer, request_id: str) -> None:
        """Send an answer that is no file."""
        headers = answer.headers
        if answer.body:
            named = ((b"request-id", request_id.encode("ascii")),) if request_id else ()
            headers = (*COMMON_HEADERS, *named, *headers)
        await self.begin(answer.status, headers, len(answer.body) or None)
        if self.wants_body and answer.body:
            await self.more(answer.body)
        await self.end()
