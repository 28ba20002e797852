"""Ways to nodes for clients: to a certain one as its proxy does, or around, or never giving up."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle

import httpx2

from benchmarks.connection import Connection, Reply
from tests.together.client import OverTls, Wire

FORWARDED = {"x-forwarded-proto": "https"}
FORWARDED_LINE = "x-forwarded-proto: https\r\n"


@dataclass(frozen=True, slots=True)
class AtNode:
    """A `Wire` to a certain node, which takes us for its proxy."""

    connection: Connection

    async def get(self, target: str, bearer: str) -> Reply:
        headers = f"{FORWARDED_LINE}authorization: Bearer {bearer}\r\n"
        return await self.connection.send(self.connection.get(target, headers))

    async def post(self, target: str, form: dict[str, str]) -> Reply:
        return await self.connection.send(self.connection.post(target, form, FORWARDED_LINE))


class Renewed:
    """A `Wire` that connects when it is used first, and again when its connection is over."""

    def __init__(self, connection: Callable[[], Connection]) -> None:
        self._connection = connection
        self._open = AsyncExitStack()
        self._wire: Wire | None = None

    async def __aenter__(self) -> "Renewed":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._wire = None
        await self._open.aclose()

    async def get(self, target: str, bearer: str) -> Reply:
        return await self._asked(lambda wire: wire.get(target, bearer))

    async def post(self, target: str, form: dict[str, str]) -> Reply:
        return await self._asked(lambda wire: wire.post(target, form))

    async def _asked(self, ask: Callable[[Wire], Awaitable[Reply]]) -> Reply:
        """Raises OSError or EOFError when there is no answer."""
        try:
            if self._wire is None:
                opened = await self._open.enter_async_context(self._connection())
                self._wire = OverTls(opened)
            reply = await ask(self._wire)
        except BaseException:
            await self.__aexit__()
            raise
        if reply.header("connection") == "close":
            await self.__aexit__()
        return reply


class InTurn(httpx2.AsyncBaseTransport):
    """Send each request to the next node, as its proxy does."""

    def __init__(self, ports: Iterable[int]) -> None:
        self._ports = cycle(ports)
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=next(self._ports))
        headers = {**request.headers, **FORWARDED}
        passed = httpx2.Request(request.method, url, headers=headers, stream=request.stream)
        return await self._inner.handle_async_request(passed)

    async def aclose(self) -> None:
        await self._inner.aclose()
