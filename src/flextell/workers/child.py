"""A worker as its parent sees it: a process, and a line to it."""

import asyncio
import contextlib
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from flextell.exits import ExitCode, ExitError
from flextell.settings import Settings
from flextell.workers import channel, door

# A worker that does not answer a question in so long is stuck.
ANSWER_SECONDS = 1.0


class Child:
    """A worker that was started. `problem` is why it could not go on, if it said so."""

    def __init__(
        self,
        process: Process,
        entry: socket.socket,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.ready = False
        self.problem: ExitError | None = None
        self._process = process
        self._door = entry
        self._reader = reader
        self._writer = writer
        self._awaited: deque[asyncio.Future[Any]] = deque()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """What it left with; the negative number of a signal that ended it."""
        return self._process.returncode

    async def lives(self, when_ready: Callable[[], None]) -> None:
        """Listen to it until it has ended. `when_ready()` is called once it is."""
        with contextlib.suppress(ConnectionError):
            while said := await self._reader.readline():
                match orjson.loads(said):
                    case {"ready": True}:
                        self.ready = True
                        when_ready()
                    case {"failed": str() as sentence, "code": int() as code}:
                        self.problem = ExitError(sentence, ExitCode(code))
                    case told:
                        self._hand_over(told)
        self.ready = False
        while self._awaited:
            self._hand_over(None)
        self._writer.close()
        self._door.close()
        await self._process.wait()

    def takes(self, connection: socket.socket) -> bool:
        """Whether it gets this client; not if it is gone or has too many at its door."""
        return self.ready and door.hand_on(self._door, connection)

    async def ask(self, question: str) -> Any:
        """Its answer; None if it has none in time."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Stays in line even if nobody waits any more: the next answer is not for the next question.
        self._awaited.append(answer)
        self._writer.write(channel.line(question))
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(answer, ANSWER_SECONDS)
        return None

    def _hand_over(self, told: Any) -> None:
        answer = self._awaited.popleft()
        if not answer.done():
            answer.set_result(told)

    def leave(self) -> None:
        """Let it drain, answer what it was asked, and end."""
        if self.ready:
            self._writer.write(channel.line("leave"))
        else:
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # Not by the process itself: it would look whether it has ended, and so take the code that
        # it left with from the one in asyncio who waits for it.
        with contextlib.suppress(ProcessLookupError):
            if self.code is None:
                os.kill(self.pid, number)


async def start(command: Sequence[str], settings: Settings) -> Child:
    """Start a worker.

    In a session of its own: Ctrl-C in a terminal is for the parent, who tells its workers.
    """
    (ours, theirs), (outside, inside) = socket.socketpair(), door.pair()
    with theirs, inside:
        process = await asyncio.create_subprocess_exec(
            *(*command, str(theirs.fileno())),
            pass_fds=(theirs.fileno(), inside.fileno()),
            stdin=DEVNULL,
            stdout=DEVNULL,
            start_new_session=True,
        )
        orders = {"settings": settings.model_dump(mode="json"), "door": inside.fileno()}
    reader, writer = await asyncio.open_connection(sock=ours, limit=channel.LINE_BYTES)
    writer.write(channel.line(orders))
    return Child(process, outside, reader, writer)
