"""Answer a browser on this machine: whole small requests in, a page out, in one thread.

Whoever connects may be any program here, or any site in the browser. Each has little room, little
time and one request, and nobody holds up the others.
"""

import re
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Generic, Self, TypeVar

T = TypeVar("T")

# A browser brings the cookies that every other program of this address has ever set.
MOST_BYTES = 64 * 1024
MOST_AT_ONCE = 32
SECONDS_EACH = 5.0
# Where a signal does not wake whoever waits for a socket, Ctrl-C takes this long.
LOOK_SECONDS = 0.5
_PIECE_BYTES = 4096
_END = b"\r\n\r\n"

# method SP request-target SP HTTP-version (RFC 9112 §3)
_REQUEST_LINE = re.compile(r"([A-Z]+) ([\x21-\x7e]+) HTTP/1\.[01]")

_HEADERS = (
    "Content-Type: text/html; charset=utf-8",
    "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options: nosniff",
    "Referrer-Policy: no-referrer",
    "Cache-Control: no-store",
    "Connection: close",
)
_HTML = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>{title}</title></head>'
    "<body><h1>{title}</h1><p>{text}</p></body></html>"
)


@dataclass(frozen=True, slots=True)
class Request:
    """The part of a request that is looked at; `target` and `host` as they were sent."""

    method: str
    target: str
    host: str


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: status and reason as in `404 Not Found`, a heading and a sentence, no markup."""

    status: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """The page for a request, and what it was waited for, if this was it."""

    page: Page
    found: T | None = None


MALFORMED = Page("400 Bad Request", "Not understood", "This is not a request of a browser.")
TOO_LARGE = Page("431 Request Header Fields Too Large", "Too long", "This request is too long.")


@dataclass(slots=True)
class _Visitor:
    """Somebody who connected, what they said so far, and until when they may speak."""

    connection: socket.socket
    until: float
    said: bytes = b""


class Listener:
    """A port of this machine for the time of a `with`. Raises OSError if it cannot be had."""

    def __init__(self, host: str, port: int, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._visitors: list[_Visitor] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._door = socket.create_server((host, port), family=family, backlog=MOST_AT_ONCE)
        self._door.setblocking(False)
        self.port: int = self._door.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._door, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for visitor in self._visitors:
            visitor.connection.close()
        self._selector.close()
        self._door.close()

    def wait(self, judge: Callable[[Request], Verdict[T]], seconds: float) -> T | None:
        """What `judge` found, once its page is sent; None if `seconds` have passed before that."""
        until = self._monotonic() + seconds
        while (left := until - self._monotonic()) > 0:
            for key, _ in self._selector.select(min(left, LOOK_SECONDS)):
                if key.data is None:
                    self._let_in()
                elif (found := self._hear(key.data, judge)) is not None:
                    return found
            self._show_out_some()
        return None

    def _let_in(self) -> None:
        # Whoever connected may have left by now.
        with suppress(OSError):
            connection, _ = self._door.accept()
            connection.setblocking(False)
            visitor = _Visitor(connection, self._monotonic() + SECONDS_EACH)
            self._visitors.append(visitor)
            self._selector.register(connection, selectors.EVENT_READ, visitor)

    def _hear(self, visitor: _Visitor, judge: Callable[[Request], Verdict[T]]) -> T | None:
        """Read on; answer if that was all, and find what was waited for, or not."""
        try:
            piece = visitor.connection.recv(_PIECE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            piece = b""
        visitor.said += piece
        if piece and _END not in visitor.said and len(visitor.said) <= MOST_BYTES:
            return None
        verdict = _judged(visitor.said, judge)
        # It fits into what the system sends by itself: a visitor who does not read delays nobody.
        with suppress(OSError):
            visitor.connection.sendall(_response(verdict.page))
        self._show_out(visitor)
        return verdict.found

    def _show_out_some(self) -> None:
        """The slow; and of too many the first to come, so that nobody can take all the room."""
        now = self._monotonic()
        too_many = self._visitors[: max(0, len(self._visitors) - MOST_AT_ONCE)]
        for visitor in [v for v in self._visitors if v.until <= now] or too_many:
            self._show_out(visitor)

    def _show_out(self, visitor: _Visitor) -> None:
        self._visitors.remove(visitor)
        self._selector.unregister(visitor.connection)
        visitor.connection.close()


def _judged(said: bytes, judge: Callable[[Request], Verdict[T]]) -> Verdict[T]:
    if len(said) > MOST_BYTES:
        return Verdict(TOO_LARGE)
    request = read_request(said)
    return Verdict(MALFORMED) if request is None else judge(request)


def read_request(said: bytes) -> Request | None:
    """The request, None if it is not whole or not one with exactly one Host (RFC 9112 §3.2)."""
    head, end, _ = said.partition(_END)
    line, *headers = head.decode("latin-1").split("\r\n")
    asked = _REQUEST_LINE.fullmatch(line)
    hosts = [
        value.strip()
        for name, _, value in (header.partition(":") for header in headers)
        if name.lower() == "host"
    ]
    if not end or asked is None or len(hosts) != 1:
        return None
    return Request(asked[1], asked[2], hosts[0])


def _response(page: Page) -> bytes:
    body = _HTML.format(title=escape(page.title), text=escape(page.text)).encode()
    lines = (f"HTTP/1.1 {page.status}", *_HEADERS, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode("ascii") + body
