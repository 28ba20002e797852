"""A load generator's connection: HTTP/1.1 over TLS or plain TCP, kept alive, as little as it takes.

A general HTTP client spends more of a core on a request than the server does; this one reads a
status, the headers it needs and a body of known length.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The first value of a header; empty if absent."""
        start = self.head.lower().find(b"\r\n" + name.lower().encode() + b":")
        if start < 0:
            return ""
        line = self.head[start + 2 :].partition(b"\r\n")[0]
        return line.partition(b":")[2].strip().decode()

    def cookies(self) -> dict[str, str]:
        """Every cookie the answer sets."""
        found = {}
        for line in self.head.split(b"\r\n"):
            if line.lower().startswith(b"set-cookie:"):
                name, _, value = line[11:].strip().decode().partition("=")
                found[name] = value.partition(";")[0]
        return found


class Connection:
    """One connection to the server; requests one after another."""

    def __init__(self, base: str, context: ssl.SSLContext | None) -> None:
        parts = urlsplit(base)
        self._host = parts.hostname or "localhost"
        self._port = parts.port or 443
        self._context = context
        self._host_header = f"host: {parts.netloc}\r\n".encode()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            ssl=self._context,
            server_hostname=self._host if self._context else None,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Not `close`: that would leave it half closed when the event loop ends.
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, request: bytes) -> Reply:
        """Write a whole request, read a whole reply."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 : lowered.index(b"\r\n", at)]) if at >= 0 else 0
        body = await self._reader.readexactly(length) if length else b""
        return Reply(int(head[9:12]), head, body)

    def get(self, target: str, headers: str = "") -> bytes:
        """The bytes of a GET request; `headers` are lines ending in CRLF."""
        return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (
            target.encode(),
            self._host_header,
            headers.encode(),
        )

    def post(self, target: str, form: dict[str, str], headers: str = "") -> bytes:
        """The bytes of a form POST."""
        body = urlencode(form).encode()
        return (
            b"POST %b HTTP/1.1\r\n%bcontent-type: application/x-www-form-urlencoded\r\n"
            b"content-length: %d\r\n%b\r\n%b"
            % (target.encode(), self._host_header, len(body), headers.encode(), body)
        )
