"""Refuse plain HTTP (RFC 6749 §3.2), and believe a proxy about its client only if it is trusted
(RFC 9700 §4.13).

A refusal is never a redirect: a client that sent a code or a token in the clear must be told,
not helped to do it again.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]

REMEMBERED_ADDRESSES = 4096
LONGEST_ADDRESS = 64  # characters, brackets and port included; what is longer is not remembered

REFUSAL = orjson.dumps(
    {
        "error": "https_required",
        "message": "This server answers over HTTPS only. Send the request to its https address, "
        "and treat whatever secret this one carried as exposed.",
    }
)
REFUSAL_HEADERS = (
    (b"content-type", b"application/json"),
    (b"content-length", str(len(REFUSAL)).encode()),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
)
# RFC 6797 §6.1.1: one year.
HSTS = (b"strict-transport-security", b"max-age=31536000")


def parse_networks(addresses: tuple[str, ...]) -> Networks:
    """Addresses and CIDR ranges as networks. Raises ValueError when one is neither."""
    return tuple(ip_network(address) for address in addresses)


def is_loopback(host: str) -> bool:
    """Whether this host, a name or an address with or without brackets, is this machine only."""
    address = _parse_address(host)
    return host == "localhost" if address is None else address.is_loopback


def hsts_suits(issuer: str) -> bool:
    """Whether browsers may be told to use HTTPS only: not for localhost, which others share."""
    url = urlsplit(issuer)
    return url.scheme == "https" and not is_loopback(url.hostname or "")


class RequireHttps:
    """ASGI middleware: HTTPS, or a trusted proxy that says its client used it, or 403.

    `trusted_proxies`: IP addresses or CIDR ranges whose `X-Forwarded-Proto` and
    `X-Forwarded-For` are believed; those headers from anyone else are ignored.
    `plain_http_on_loopback`: the development switch. `hsts`: send Strict-Transport-Security.
    After it, `scope["scheme"]` and `scope["client"]` are those of the client itself.
    Raises ValueError when a trusted proxy is not an address.
    """

    def __init__(
        self,
        app: ASGIApp,
        trusted_proxies: tuple[str, ...] = (),
        plain_http_on_loopback: bool = False,
        hsts: bool = False,
    ) -> None:
        networks = parse_networks(trusted_proxies)
        self.app = app
        self._behind_proxies = bool(networks)
        self._plain_http_on_loopback = plain_http_on_loopback
        self._hsts = hsts
        self._trusts = _remembering(lambda peer: _is_in(_parse_address(peer), networks))
        self._is_loopback = _remembering(is_loopback)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it came safely; answer 403 otherwise."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self._behind_proxies:
            self._believe_trusted_proxy(scope)
        if scope["scheme"] == "https":
            await self.app(scope, receive, _with_hsts(send) if self._hsts else send)
        elif self._is_development(scope):
            await self.app(scope, receive, send)
        else:
            await _refuse(send)

    def _is_development(self, scope: Scope) -> bool:
        client = scope.get("client")
        return self._plain_http_on_loopback and client is not None and self._is_loopback(client[0])

    def _believe_trusted_proxy(self, scope: Scope) -> None:
        """Take scheme and client from a trusted proxy's headers; leave all others as they are."""
        peer = scope.get("client")
        if peer is None or not self._trusts(peer[0]):
            return
        schemes: list[bytes] = []
        forwarded: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-proto":
                schemes.append(value)
            elif name == b"x-forwarded-for":
                forwarded.append(value)
        if schemes:
            # Two values mean two opinions: only one that is exactly `https` will do.
            scope["scheme"] = "https" if schemes == [b"https"] else "http"
        if forwarded:
            scope["client"] = (self._client(peer[0], b",".join(forwarded)), 0)

    def _client(self, peer: str, forwarded: bytes) -> str:
        """The right-most address that is no trusted proxy; what is left of it may be invented."""
        client = peer
        for text in _from_the_right(forwarded):
            address = _address_text(text) if len(text) <= LONGEST_ADDRESS else None
            if address is None:
                return client
            client = address
            if not self._trusts(client):
                return client
        return client


def _remembering(question: Callable[[str], bool]) -> Callable[[str], bool]:
    return lru_cache(maxsize=REMEMBERED_ADDRESSES)(question)


def _from_the_right(forwarded: bytes) -> Iterator[str]:
    end = len(forwarded)
    while end >= 0:
        start = forwarded.rfind(b",", 0, end)
        yield forwarded[start + 1 : end].decode("latin-1").strip()
        end = start


def _parse_address(text: str) -> Address | None:
    """An address out of `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket that listens on :: sees IPv4 peers as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=REMEMBERED_ADDRESSES)
def _address_text(text: str) -> str | None:
    address = _parse_address(text)
    return None if address is None else str(address)


def _is_in(address: Address | None, networks: Networks) -> bool:
    return address is not None and any(address in network for network in networks)


def _with_hsts(send: Send) -> Send:
    async def send_with_hsts(message: Message) -> None:
        if message["type"] == "http.response.start":
            # A copy: an app may send the same message to everyone.
            message = {**message, "headers": [*message.get("headers", ()), HSTS]}
        await send(message)

    return send_with_hsts


async def _refuse(send: Send) -> None:
    await send({"type": "http.response.start", "status": 403, "headers": list(REFUSAL_HEADERS)})
    await send({"type": "http.response.body", "body": REFUSAL})
