"""One unit of work on its way through a thread, which another thread can end."""

import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg

from flextell.store.port import StoreAway


class Turn:
    """When it was asked for, and the connection it uses, while it does."""

    def __init__(self) -> None:
        self.asked_at = time.monotonic()
        self._connection: psycopg.Connection[Any] | None = None
        self._given_up = False
        # Nobody cuts a connection whose thread is done with it: its number may be another's.
        self._cutting = threading.Lock()

    def check(self) -> None:
        """Raises StoreAway if nobody waits for it any more."""
        if self._given_up:
            raise StoreAway

    def take(self, connection: "psycopg.Connection[Any]") -> None:
        """Use a connection from now on. Raises StoreAway if nobody waits for it any more."""
        self._connection = connection
        self.check()

    def leave(self) -> None:
        """Be done with the connection."""
        with self._cutting:
            self._connection = None

    def give_up(self) -> None:
        """Whoever waits for a silent server in this turn wakes with an error."""
        self._given_up = True
        with self._cutting:
            if self._connection is not None:
                cut(self._connection)


def cut(connection: "psycopg.Connection[Any]") -> None:
    """Shut the connection's socket down under the thread that waits for it."""
    with (
        suppress(psycopg.Error, OSError),
        # A copy of the descriptor: closing it leaves the connection its own.
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)
