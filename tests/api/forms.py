"""Forms with files, made byte by byte; and bytes that come in as a test wants it."""

from collections.abc import Iterable
from hashlib import sha256

from starlette.types import Message

from flextell.api.incoming import Incoming

BOUNDARY = b"----flextell-7MA4YWxkTrZu0gW"
TYPE = b"multipart/form-data; boundary=" + BOUNDARY
END = b"--" + BOUNDARY + b"--\r\n"


def part(disposition: str, content: bytes, more: bytes = b"") -> bytes:
    """One part; `more` are further headers, each with its line end."""
    head = f"Content-Disposition: form-data; {disposition}\r\n".encode()
    return b"--" + BOUNDARY + b"\r\n" + head + more + b"\r\n" + content + b"\r\n"


def field(name: str, content: bytes) -> bytes:
    """A field."""
    return part(f'name="{name}"', content)


def file(content: bytes, name: str = "x-ray.png", of: str = "file") -> bytes:
    """A file."""
    return part(f'name="{of}"; filename="{name}"', content, b"Content-Type: image/png\r\n")


class Noted:
    """`Writing` that keeps everything."""

    def __init__(self) -> None:
        self.content = b""
        self.largest = 0

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def digest(self) -> bytes:
        return sha256(self.content).digest()

    async def write(self, data: bytes) -> None:
        self.content += data
        self.largest = max(self.largest, len(data))

    async def keep(self, name: str) -> None:
        raise NotImplementedError


def coming(
    chunks: Iterable[bytes], *, whole: bool = True, kind: bytes | None = TYPE, length: int = -1
) -> Incoming:
    """A request whose body comes in these chunks; if it is not `whole` the client then hangs up."""
    headers = [] if kind is None else [(b"content-type", kind)]
    if length >= 0:
        headers.append((b"content-length", b"%d" % length))
    waiting = list(chunks)

    async def receive() -> Message:
        if waiting:
            more = len(waiting) > 1 or not whole
            return {"type": "http.request", "body": waiting.pop(0), "more_body": more}
        return {"type": "http.disconnect"}

    return Incoming({"type": "http", "headers": headers}, receive)
