"""The only code of the server that calls out: one POST to an address that somebody else chose.

Whoever names the address may aim at what only we can reach (SSRF). So the name is resolved once,
every address it has must be public, and the connection goes to the very address that was looked at;
TLS still proves the name (RFC 9525). Redirects are not followed, proxies of the environment are not
used, and nothing of the answer is read but its status.

    OutboundFailure        it did not arrive, as far as we know; the text is for the operator's log
    ├── ForbiddenTarget    the URL, or where its name leads, is not allowed
    └── NoAnswer           nobody there, no proof of the name, no HTTP, or too slow
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import h11

from flextell import public_addresses
from flextell.public_addresses import Address

MAXIMUM_URL_CHARACTERS = 2048
READ_BYTES = 16 * 1024
# What comes before the status, such as 103 Early Hints, and the head of the answer.
MOST_HEAD_BYTES = 64 * 1024

# RFC 3986 §3, RFC 9110 §4.2.2: scheme "://" host [ ":" port ] [ path ] [ "?" query ], ASCII only;
# no user, no fragment, and of the characters none that another parser might take for a separator.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SAFE = r"\w.~!$&'()*+,;=:@%/-"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]{{2,45}}\])"
    rf"(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/[{_SAFE}]*)?(?P<query>\?[{_SAFE}?]*)?",
    re.ASCII,
)
MAXIMUM_HOST_CHARACTERS = 253
_PORTS = {"http": 80, "https": 443}


class OutboundFailure(Exception):
    """It did not arrive, as far as we know."""


class ForbiddenTarget(OutboundFailure):
    """Not a place that we send anything to."""


class NoAnswer(OutboundFailure):
    """Nobody answered in time, or not in HTTP."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts; what it may hold was checked."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The `Host` of a request (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


async def resolve(host: str, port: int) -> Sequence[Address]:
    """The addresses of a name, as this machine resolves it. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [public_addresses.parsed(str(place[0])) for *_, place in found]


def target_of(url: str, *, loopback: bool = False) -> Target:
    """Where a URL leads. `loopback` also lets plain HTTP pass. Raises ForbiddenTarget."""
    match = _URL.fullmatch(url) if len(url) <= MAXIMUM_URL_CHARACTERS else None
    if match is None or len(match["host"]) > MAXIMUM_HOST_CHARACTERS:
        raise ForbiddenTarget(
            "The URL must be https://, a host, perhaps a port, a path and a query, in ASCII, "
            "without a user and without a fragment."
        )
    scheme = match["scheme"]
    if scheme != "https" and not loopback:
        raise ForbiddenTarget("The URL must begin with https://.")
    port = int(match["port"] or _PORTS[scheme])
    if not (port == _PORTS[scheme] or 1024 <= port <= 65535):
        raise ForbiddenTarget("The port must be 443, or 1024 to 65535.")
    path = (match["path"] or "/") + (match["query"] or "")
    return Target(scheme, match["host"].strip("[]").lower(), port, path)


@dataclass(frozen=True, slots=True)
class Outbound:
    """The way out. `loopback`: FOR DEVELOPMENT, loopback addresses too, and those over plain HTTP.

    `resolve` and `context` are there for tests, which have names and an authority of their own.
    """

    context: ssl.SSLContext
    loopback: bool = False
    resolve: Resolve = resolve

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> int:
        """The status of the answer, in so many seconds in all. Raises OutboundFailure."""
        target = target_of(url, loopback=self.loopback)
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(target, headers, body)
        except TimeoutError:
            raise NoAnswer("No answer came in time.") from None
        except ssl.SSLError:
            raise NoAnswer("TLS failed, or the certificate is not for this host.") from None
        except (OSError, EOFError, h11.RemoteProtocolError):
            raise NoAnswer("The connection failed, or what answered is no HTTP server.") from None

    async def _ask(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        addresses = await self._allowed(target)
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
        request = _request(http, target, headers, body)
        async with _connected(target, addresses, self.context) as (reader, writer):
            writer.write(request)
            await writer.drain()
            return await _status(http, reader)

    async def _allowed(self, target: Target) -> Sequence[Address]:
        """The addresses of the host, each of which may be called. Raises ForbiddenTarget."""
        addresses = await self.resolve(target.host, target.port)
        inside = self.loopback and bool(addresses) and all(a.is_loopback for a in addresses)
        if inside or (target.scheme == "https" and public_addresses.all_public(addresses)):
            return addresses
        raise ForbiddenTarget("The host has an address that is not on the public internet.")


def _request(
    http: h11.Connection, target: Target, headers: Mapping[str, str], body: bytes
) -> bytes:
    """The bytes of a request that is the only one on its connection (RFC 9112 §3, §9.6)."""
    own = {"host": target.authority, "content-length": str(len(body)), "connection": "close"}
    head = h11.Request(method="POST", target=target.path, headers=[*own.items(), *headers.items()])
    events = (head, h11.Data(data=body), h11.EndOfMessage())
    return b"".join(http.send(event) or b"" for event in events)


@asynccontextmanager
async def _connected(
    target: Target, addresses: Sequence[Address], context: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the first of these addresses that takes one; the name is TLS's to check."""
    reader, writer = await _first(target, addresses, context)
    try:
        yield reader, writer
    finally:
        # At once: what is left to say or to read there is of no use to anybody.
        writer.transport.abort()


async def _first(
    target: Target, addresses: Sequence[Address], context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure = target.scheme == "https"
    failure = OSError("no address")
    for address in addresses:
        try:
            return await asyncio.open_connection(
                str(address),
                target.port,
                limit=READ_BYTES,
                ssl=context if secure else None,
                server_hostname=target.host if secure else None,
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            failure = error
    raise failure


async def _status(http: h11.Connection, reader: asyncio.StreamReader) -> int:
    """The status of the final response (RFC 9110 §15.2). Raises EOFError, RemoteProtocolError."""
    received = 0
    while received <= MOST_HEAD_BYTES:
        event = http.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        if event is h11.NEED_DATA:
            part = await reader.read(READ_BYTES)
            received += len(part)
            http.receive_data(part)
    raise EOFError
