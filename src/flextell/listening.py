"""Take an address to listen on, or say in one sentence why it cannot be had."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from flextell.exits import ExitCode, ExitError

BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and what the operator changes to listen elsewhere."""

    host: str
    port: int
    host_option: str = "--host"
    port_option: str = "--port"


@contextlib.contextmanager
def bound(address: Address) -> Iterator[socket.socket]:
    """A socket that listens there; early clients wait in its queue. Raises ExitError (PORT_IN_USE).

    The processes that a server consists of share it: what one of them leaves in the queue when it
    dies, another takes.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _address_error(address, error) from error
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            # Two sockets may be bound to one port until one listens: take it now.
            listener.listen(BACKLOG)
        except OSError as error:
            raise _address_error(address, error) from error
        yield listener


REMEDIES = {
    errno.EADDRINUSE: "Port {port} on {host} is in use; stop what uses it, or choose another"
    " with {port_option} (0 picks a free one).",
    errno.EACCES: "Port {port} on {host} needs more rights than this user has; choose one above"
    " 1023 with {port_option}.",
    errno.EADDRNOTAVAIL: "{host} is not an address of this machine; choose another with"
    " {host_option}.",
}
UNKNOWN_HOST = "{host} cannot be listened on; give {host_option} an IP address of this machine."


def _address_error(address: Address, error: OSError) -> ExitError:
    sentence = UNKNOWN_HOST
    if not isinstance(error, socket.gaierror):
        sentence = REMEDIES.get(error.errno or 0, UNKNOWN_HOST)
    told = sentence.format(
        host=address.host,
        port=address.port,
        host_option=address.host_option,
        port_option=address.port_option,
    )
    return ExitError(told, ExitCode.PORT_IN_USE)
