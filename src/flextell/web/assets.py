"""The few static files of the pages, read once at start and answered from memory."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources.abc import Traversable

from flextell.web.exchange import NOSNIFF, Answer, Handler, Request

TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}


def assets(folder: Traversable, path: str) -> Iterator[tuple[str, Handler]]:
    """The path and the handler of each file in a folder; files of other types are not shown."""
    for file in folder.iterdir():
        content_type = TYPES.get(f".{file.name.rpartition('.')[2]}")
        if content_type is not None:
            yield f"{path}/{file.name}", _handler(file.read_bytes(), content_type)


def _handler(body: bytes, content_type: bytes) -> Handler:
    tag = f'"{b64encode(sha256(body).digest()[:12]).decode()}"'
    headers = (
        (b"cache-control", b"public, max-age=3600"),
        (b"etag", tag.encode()),
        *NOSNIFF,
    )

    async def answer(request: Request) -> Answer:
        if tag in (request.header(b"if-none-match") or ""):
            return Answer(304, headers)
        return Answer(200, ((b"content-type", content_type), *headers), body)

    return answer
