"""What a request asks, and the answer it gets, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from flextell.api.envelopes import Success
from flextell.tenants.file_addresses import FileAddresses

Header = tuple[bytes, bytes]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a request that endpoints read.

    `ids` are the numbers in the path, by name; `query` is the query string as it was sent;
    `url` is the address without it, for links; `success` goes into the envelope; `addresses` are
    those that files can be downloaded at.
    """

    ids: Mapping[str, int]
    query: bytes
    url: str
    now: int
    success: Success
    addresses: FileAddresses
    body_value: object = None
    prepared_value: object = None

    def body(self, kind: type[T]) -> T:
        """The checked body, of the kind that the endpoint's row names."""
        return _of(kind, self.body_value)

    def prepared(self, kind: type[T]) -> T:
        """What the row's `prepare` returned."""
        return _of(kind, self.prepared_value)


def _of(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError("the endpoint's row names another kind")
    return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, a JSON body, and the headers that are this answer's own."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()
