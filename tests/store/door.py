"""The way to a PostgreSQL server, which a test can shut, or let no word through."""

import select
import socket
import socketserver
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class Door:
    """The way to the server: shut, nobody gets in and those inside are cut off.

    Hushed, it leads there as before, but not a word comes through.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._inside: set[socket.socket] = set()
        self._listener: socketserver.ThreadingTCPServer | None = None
        self._speaking = threading.Event()
        self._speaking.set()
        self.port = 0
        self.open()

    def open(self) -> None:
        """Listen where it listened before."""
        door = self

        class Visitor(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, ValueError):
                    door._lead(self.request)

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._listener = Listener(("127.0.0.1", self.port), Visitor)
        self.port = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True).start()

    def _lead(self, visitor: socket.socket) -> None:
        with socket.create_connection(self._server) as server:
            pair = {visitor: server, server: visitor}
            self._inside |= set(pair)
            while True:
                for ready in select.select(list(pair), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    self._speaking.wait()
                    pair[ready].sendall(data)

    def hush(self) -> None:
        """Let no word through."""
        self._speaking.clear()

    def speak(self) -> None:
        """Let through what was said meanwhile, and everything from now on."""
        self._speaking.set()

    def shut(self) -> None:
        """Refuse newcomers and cut all connections."""
        assert self._listener is not None
        self.speak()
        self._listener.shutdown()
        self._listener.server_close()
        while self._inside:
            with suppress(OSError):
                self._inside.pop().shutdown(socket.SHUT_RDWR)


def through(door: Door, database: str) -> str:
    """The database's URL by way of the door."""
    parts = urlsplit(database)
    user = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{user}@127.0.0.1:{door.port}").geturl()
