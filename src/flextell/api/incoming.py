"""A request as it comes in: its headers, and its body, read once and within bounds."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import Message, Receive, Scope

from flextell.api.errors import ApiError

# JSON bodies hold texts of up to 65,535 characters; uploads have a limit of their own.
LARGEST_BODY = 1024 * 1024


class ClientGone(Exception):
    """The client hung up before it had sent everything: nobody waits for an answer."""


def too_large(limit: int) -> ApiError:
    """The body is over the limit (RFC 9110 §15.5.14)."""
    return ApiError("payload_too_large", f"The body must have at most {limit} bytes.")


@dataclass(frozen=True, slots=True)
class Incoming:
    """Headers by name in lower case, and the way to the body."""

    scope: Scope
    receive: Receive

    def values(self, name: bytes) -> list[str]:
        """Every value of a header, in order."""
        return [value.decode("latin-1") for found, value in self.scope["headers"] if found == name]

    def one(self, name: bytes) -> str | None:
        """The value of a header. Raises ApiError if it was sent more than once."""
        values = self.values(name)
        if len(values) > 1:
            header = name.decode("ascii")
            raise ApiError("invalid_request", f"The header {header} was sent more than once.")
        return values[0] if values else None

    async def chunk(self) -> tuple[bytes, bool]:
        """The next part of the body, and whether there is more. Raises ClientGone."""
        message: Message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message.get("body", b""), message.get("more_body", False)

    def expect_at_most(self, limit: int) -> None:
        """Raises ApiError if the body says that it is larger, before any of it is read."""
        if _declared(self.values(b"content-length")) > limit:
            raise too_large(limit)

    async def body(self, limit: int = LARGEST_BODY) -> bytes:
        """The whole body. Raises ApiError if it is larger than `limit` bytes, and ClientGone."""
        self.expect_at_most(limit)
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            part, more = await self.chunk()
            size += len(part)
            if size > limit:
                raise too_large(limit)
            parts.append(part)
        return b"".join(parts)


def _declared(lengths: Sequence[str]) -> int:
    return int(lengths[0]) if lengths and lengths[0].isascii() and lengths[0].isdigit() else 0
