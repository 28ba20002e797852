"""What a request asks, and the answer it gets, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass

from flextell.api.envelopes import Success

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a request that endpoints read.

    `ids` are the numbers in the path, by name; `query` is the query string as it was sent;
    `url` is the address without it, for links; `success` goes into the envelope.
    """

    ids: Mapping[str, int]
    query: bytes
    url: str
    now: int
    success: Success


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, a JSON body, and the headers that are this answer's own."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()
