"""TLS as PostgreSQL speaks it, before a server that was built without.

The client sends `SSLRequest`, is told `S`, and the handshake begins (its manual, §53.2.10).
"""

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
YES = b"S"


@dataclass(slots=True)
class Front:
    """Where it listens, and how many clients found its certificate good."""

    port: int
    trusted_by: int = 0


@contextmanager
def tls_front(server_address: tuple[str, int], context: ssl.SSLContext) -> Iterator[Front]:
    """Stand before the server until the context ends."""

    class Client(socketserver.BaseRequestHandler):
        request: socket.socket

        def handle(self) -> None:
            if self.request.recv(len(SSL_REQUEST)) != SSL_REQUEST:
                return
            self.request.sendall(YES)
            with (
                suppress(OSError),  # as when the client does not like the certificate
                context.wrap_socket(self.request, server_side=True) as client,
                socket.create_connection(server_address) as server,
            ):
                # In TLS 1.3 the server's half of the handshake ends before the client has judged.
                if said := client.recv(1):
                    front.trusted_by += 1
                    server.sendall(said)
                    _pass_on(client, server)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Client) as listener:
        listener.daemon_threads = True
        front = Front(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield front
        finally:
            listener.shutdown()
            thread.join()


def _pass_on(client: ssl.SSLSocket, server: socket.socket) -> None:
    """Both ways, until one of them has left."""
    while True:
        readable = [client] if client.pending() else select.select([client, server], [], [])[0]
        for one, other in ((client, server), (server, client)):
            if one in readable:
                said = one.recv(65536)
                if not said:
                    return
                other.sendall(said)
