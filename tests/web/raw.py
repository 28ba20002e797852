"""Send bytes to an ASGI app that no well-behaved client would send."""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

Pairs = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back, unread."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The value of a header; empty if absent."""
        return next((value for found, value in self.headers if found == name), b"")


async def send_raw(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Pairs = (),
    body: bytes = b"",
    address: str = "2001:db8::ffff",
) -> RawAnswer:
    """One request, its body in pieces of 1,000 bytes as a network delivers it."""
    answer: list[MutableMapping[str, Any]] = []
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)] or [b""]

    async def receive() -> MutableMapping[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        answer.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "root_path": "",
        "query_string": query,
        "headers": list(headers),
        "client": (address, 4711),
        "server": ("localhost", 8443),
    }
    await app(scope, receive, send)
    start, *rest = answer
    assert start["type"] == "http.response.start"
    assert all(message["type"] == "http.response.body" for message in rest)
    text = b"".join(message.get("body", b"") for message in rest)
    return RawAnswer(start["status"], list(start["headers"]), text)
