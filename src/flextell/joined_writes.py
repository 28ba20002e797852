"""A transport that sends at once what is written in one turn of the event loop.

The head and the body of an answer are written one after the other: joined they are one packet, one
TLS record and one system call, which is a tenth of what a small answer costs.
"""

import asyncio
from typing import Any

# More than this is not held back: who writes without end is to feel when the client is slow.
MOST_BYTES = 64 * 1024


class JoinedWrites:
    """The transport given, but for `write`."""

    __slots__ = ("_loop", "_parts", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send it in this turn of the loop, together with what is written before its end."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)
        self._size += len(data)
        if self._size > MOST_BYTES:
            self._send()

    def _send(self) -> None:
        if self._parts:
            joined = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self._transport.write(joined)

    def close(self) -> None:
        """Send what was written, then close."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent is not sent."""
        self._parts.clear()
        self._transport.abort()
