"""A proxy that does to a client's requests what networks do: it drops, delays, resets, cuts short.

    client --TLS--> FaultProxy --TLS, connections kept--> server

Both sides see the server's own certificate. A request meets one fault or none, by seeded dice;
what meets none passes byte by byte, whole messages at a time. The server may call the proxy's
address its issuer:

    port = free_port()
    with FaultProxy(port, local_certificate(data_dir, SYSTEM.now()), STORM) as proxy:
        server = start(data_dir, issuer=proxy.url, port=port)
"""

import asyncio
import re
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from email.utils import formatdate, parsedate_to_datetime
from random import Random
from types import TracebackType

from anyio import create_task_group
from anyio.from_thread import start_blocking_portal

from flextell.tls import LocalCertificate, server_context
from tests.together.faults import AFTER, BEFORE, CALM, NOTHING, Faults, Shown, unharmed
from tests.together.http_messages import Message, read_answer, read_request

BACKLOG = 512
HEAD_BYTES = 256 * 1024
# Less than the server's patience with an idle connection: no request may meet a closing one.
IDLE_SECONDS = 30.0
# What a connection can end with that is nobody's bug.
GONE = (OSError, EOFError)
DATE = re.compile(rb"(\r\ndate:[ \t]*)([^\r]*)", re.IGNORECASE)
NO_LINGERING = struct.pack("ii", 1, 0)


class FaultProxy:
    """The proxy, at `url` while its context lasts, in a thread of its own.

    `faults` may be replaced at any time. Counted, before the client sees anything of it:
    `requests[path]` that came whole; `answered[path, status]` by the server; `unanswered[path]`,
    as the server was gone; and what `happened[fault]`, NOTHING too. An answer without a body
    cannot be cut: it passes, and nothing happened.
    """

    def __init__(
        self,
        server_port: int,
        certificate: LocalCertificate,
        faults: Faults = CALM,
        *,
        seed: int = 0,
        port: int = 0,
    ) -> None:
        self.faults = faults
        self.port = port
        self.requests: Counter[str] = Counter()
        self.answered: Counter[tuple[str, int]] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self._dice = Random(seed)
        self._tls = server_context(certificate.certificate_file, certificate.key_file)
        trust = ssl.create_default_context(cafile=certificate.ca_file)
        self._upstream = Upstream(server_port, trust)
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self.port}"

    def __enter__(self) -> "FaultProxy":
        with ExitStack() as starting:
            address = ("127.0.0.1", self.port)
            listener = starting.enter_context(socket.create_server(address, backlog=BACKLOG))
            self.port = listener.getsockname()[1]
            thread = start_blocking_portal("asyncio", {"use_uvloop": True}, name="fault proxy")
            portal = starting.enter_context(thread)
            starting.enter_context(portal.wrap_async_context_manager(self._serving(listener)))
            self._running = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut every connection. Raises an ExceptionGroup of what went wrong in the proxy itself."""
        self._running.close()

    @asynccontextmanager
    async def _serving(self, listener: socket.socket) -> AsyncIterator[None]:
        async with create_task_group() as clients:
            server = await asyncio.start_server(
                lambda reader, writer: clients.start_soon(self._attend, reader, writer),
                sock=listener,
                ssl=self._tls,
                backlog=BACKLOG,
                limit=HEAD_BYTES,
            )
            try:
                yield
            finally:
                server.close()
                clients.cancel_scope.cancel()
        self._upstream.leave()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(*GONE):
                while await self._exchange(reader, writer):
                    pass
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request, and what its client is shown; whether there may be another."""
        request = await read_request(reader)
        self.requests[request.path] += 1
        shown = await self._meet(request)
        if shown.after_seconds:
            await asyncio.sleep(shown.after_seconds)
        if shown.then == "resets":
            reset(writer)
            return False
        writer.write(shown.sent)
        await writer.drain()
        return shown.then == "goes on" and not request.is_last

    async def _meet(self, request: Message) -> Shown:
        faults = self.faults  # one value for all of it: tests replace them meanwhile
        fault = faults.pick(request, self._dice)
        if fault in BEFORE:
            self.happened[fault] += 1
            return BEFORE[fault](faults, self._dice)
        answer = await self._ask(request, faults.date_offset_seconds)
        shown = AFTER[fault](answer, faults, self._dice)
        self.happened[fault if shown else NOTHING] += 1
        return shown or unharmed(answer)

    async def _ask(self, request: Message, date_offset_seconds: int) -> Message:
        try:
            answer = await self._upstream.ask(request)
        except GONE:
            self.unanswered[request.path] += 1
            raise
        self.answered[request.path, answer.status] += 1
        return shifted(answer, date_offset_seconds) if date_offset_seconds else answer


class Upstream:
    """Connections to the server, kept alive; of those that are idle the last one used is next."""

    def __init__(self, port: int, trust: ssl.SSLContext) -> None:
        self._port = port
        self._trust = trust
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: Message) -> Message:
        """The server's answer; no request is sent twice. Raises OSError, EOFError."""
        reader, writer = self._take() or await self._connect()
        try:
            writer.write(request.head + request.framed)
            answer = await read_answer(reader, request)
        except BaseException:
            writer.transport.abort()
            raise
        if answer.is_last:
            writer.transport.abort()
        else:
            self._idle.append((asyncio.get_running_loop().time(), reader, writer))
        return answer

    def leave(self) -> None:
        """Close what is idle."""
        for _, _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()

    def _take(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle:
            since, reader, writer = self._idle.pop()
            if since >= oldest and not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.transport.abort()
        return None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            *("127.0.0.1", self._port),
            ssl=self._trust,
            server_hostname="localhost",
            limit=HEAD_BYTES,
        )


def shifted(answer: Message, seconds: int) -> Message:
    """The answer of a server whose clock is so many seconds ahead."""

    def later(date: re.Match[bytes]) -> bytes:
        when = parsedate_to_datetime(date[2].decode("ascii")).timestamp() + seconds
        return date[1] + formatdate(when, usegmt=True).encode("ascii")

    return replace(answer, head=DATE.sub(later, answer.head, count=1))


def reset(writer: asyncio.StreamWriter) -> None:
    """Close at once, with RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None:  # None: the other end was faster.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
    writer.transport.abort()
