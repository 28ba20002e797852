"""How clients come to a worker: the parent accepts them, and hands them on in turn.

Were all workers to accept from one socket, the first that wakes would take a whole burst. So the
parent passes on each connection itself (SCM_RIGHTS, unix(7)) through a pair of sockets, the door.
"""

import asyncio
import itertools
import socket
from collections.abc import Callable, Sequence

from flextell.accepting import Greetings

# What goes with a connection: something must.
KNOCK = b"."
# How long the parent rests when nobody takes a client, or when none can be accepted.
REST_SECONDS = 0.05

# Whether a worker takes this client.
Takes = Callable[[socket.socket], bool]


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a door. Each connection comes out as it was put in."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


def hand_on(door: socket.socket, connection: socket.socket) -> bool:
    """Whether the worker behind the door gets it; not if it is gone or too many wait there."""
    try:
        socket.send_fds(door, [KNOCK], [connection.fileno()])
    except OSError:
        return False
    return True


async def hand_out(listener: socket.socket, workers: Callable[[], Sequence[Takes]]) -> None:
    """Hand the clients of a listening socket to the workers, one after another, until cancelled.

    While no worker can take one they wait, most of them in the queue of the socket.
    """
    listener.setblocking(False)
    for turn in itertools.count():
        with await _accepted(listener) as connection:
            while not any(  # noqa: ASYNC110 - no event tells that a door has room again
                takes(connection) for takes in _in_turn(workers(), turn)
            ):
                await asyncio.sleep(REST_SECONDS)


async def _accepted(listener: socket.socket) -> socket.socket:
    while True:
        try:
            return (await asyncio.get_running_loop().sock_accept(listener))[0]
        except OSError:  # no descriptor is left, or the client has left
            await asyncio.sleep(REST_SECONDS)


def _in_turn(workers: Sequence[Takes], turn: int) -> Sequence[Takes]:
    first = turn % (len(workers) or 1)
    return [*workers[first:], *workers[:first]]


class Entrance:
    """The worker's end of the door, used as an `asyncio.Server` is."""

    def __init__(self, door: socket.socket, greetings: Greetings) -> None:
        self._door = door
        self._greetings = greetings
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(door, self._let_in)

    def close(self) -> None:
        """Let in those who stand in the door, and then nobody any more; twice is once."""
        if self._door.fileno() < 0:
            return
        while self._let_in():
            pass
        self._loop.remove_reader(self._door)
        self._door.close()

    async def wait_closed(self) -> None:
        """Wait for those who are just coming in."""
        await self._greetings.wait()

    def _let_in(self) -> bool:
        try:
            knock, descriptors, _, _ = socket.recv_fds(self._door, len(KNOCK), 1)
        except OSError:
            return False
        for descriptor in descriptors:
            self._greetings.greet(socket.socket(fileno=descriptor))
        if not knock:  # the parent is gone
            self._loop.remove_reader(self._door)
        return bool(knock)
