"""Read HTTP/1.1 messages whole and keep every byte as it came (RFC 9112)."""

import asyncio
import re
from dataclasses import dataclass

END_OF_LINE = b"\r\n"
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection:[^\r]*\bclose\b", re.IGNORECASE)
WITHOUT_BODY = (b"204", b"304")


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its head, its body as it travels, and its body without chunks.

    `is_last`: the connection ends after it.
    """

    head: bytes
    framed: bytes = b""
    body: bytes = b""
    is_last: bool = False

    @property
    def path(self) -> str:
        """Of a request: what it asks for, without the query."""
        return self.head.split(b" ", 2)[1].partition(b"?")[0].decode("latin-1")

    @property
    def asks_for_head(self) -> bool:
        """Of a request: whether its answer has no body, whatever the answer says."""
        return self.head.startswith(b"HEAD ")

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.head[9:12])

    @property
    def is_chunked(self) -> bool:
        """Whether the body travels in chunks."""
        return CHUNKED.search(self.head) is not None


async def read_request(reader: asyncio.StreamReader) -> Message:
    """A whole request. Raises EOFError when there is none any more."""
    head = await reader.readuntil(END_OF_HEAD)
    body = await _read_body(reader, head) or (b"", b"")
    return Message(head, *body, is_last=CLOSE.search(head) is not None)


async def read_answer(reader: asyncio.StreamReader, request: Message) -> Message:
    """The whole answer to a request, without interim ones (§6.3). Raises EOFError."""
    head = await reader.readuntil(END_OF_HEAD)
    while head[9:10] == b"1":
        head = await reader.readuntil(END_OF_HEAD)
    is_last = CLOSE.search(head) is not None or head.startswith(b"HTTP/1.0")
    if request.asks_for_head or head[9:12] in WITHOUT_BODY:
        return Message(head, is_last=is_last)
    body = await _read_body(reader, head)
    if body is None:
        rest = await reader.read()
        return Message(head, rest, rest, is_last=True)
    return Message(head, *body, is_last=is_last)


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> tuple[bytes, bytes] | None:
    """The body with and without its framing; None if the head promises no end of it."""
    if CHUNKED.search(head):
        return await _read_chunks(reader)
    length = LENGTH.search(head)
    if length is None:
        return None
    body = await reader.readexactly(int(length[1]))
    return body, body


async def _read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    framed = body = b""
    while size := int((line := await reader.readuntil(END_OF_LINE)).partition(b";")[0], 16):
        chunk = await reader.readexactly(size + len(END_OF_LINE))
        framed += line + chunk
        body += chunk[:size]
    framed += line
    while line != END_OF_LINE:  # trailers, and the end
        line = await reader.readuntil(END_OF_LINE)
        framed += line
    return framed, body
