"""The faults that befall an answer on its way, as values: what a client then gets to see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from random import Random
from time import time
from typing import Literal

from tests.together.http_messages import LENGTH, Message

Then = Literal["goes on", "closes", "resets"]

NOTHING = "nothing"
LAST_CHUNK = b"0\r\n\r\n"
ERROR_PAGE = "<html><title>{status}</title><h1>The gateway says {status}</h1></html>"
PORTAL_PAGE = "<!doctype html><title>Hotel Paradise</title><form>Room <input name=room></form>"
# Each with and without `Retry-After`.
FAILURES = tuple((status, asks) for status in (500, 502, 503) for asks in (False, True))


def everywhere(path: str) -> bool:
    """Every path is meant."""
    return True


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each fault is, from 0 to 1, all together at most 1. HEAD meets none.

    `only` says which paths (without the query) meet faults. A `delayed` answer should take longer
    than the client waits. `date_offset_seconds` is added to the `Date` of every answer. Raises
    ValueError for what is no probability.
    """

    # The server never sees the request.
    reset_before: float = 0.0
    failed_before: float = 0.0
    rate_limited: float = 0.0
    captive_portal: float = 0.0
    # The server did the work.
    reset_after: float = 0.0
    failed_after: float = 0.0
    dropped: float = 0.0
    delayed: float = 0.0
    cut_short: float = 0.0
    cut_cleanly: float = 0.0

    delay_seconds: float = 2.0
    retry_after_seconds: int = 1
    date_offset_seconds: int = 0
    only: Callable[[str], bool] = everywhere

    def __post_init__(self) -> None:
        chances = [getattr(self, fault) for fault in FAULTS]
        if min(chances) < 0 or sum(chances) > 1 + 1e-9:
            raise ValueError("Probabilities are from 0 to 1, and all of them together too.")

    def pick(self, request: Message, dice: Random) -> str:
        """The fault that this request meets, or NOTHING."""
        if request.asks_for_head or not self.only(request.path):
            return NOTHING
        thrown = dice.random()
        for fault in FAULTS:
            thrown -= getattr(self, fault)
            if thrown < 0:
                return fault
        return NOTHING


@dataclass(frozen=True, slots=True)
class Shown:
    """What the client gets to see, after how long, and what then becomes of its connection."""

    sent: bytes = b""
    then: Then = "goes on"
    after_seconds: float = 0.0


def unharmed(answer: Message, after_seconds: float = 0.0) -> Shown:
    """The answer, every byte of it."""
    then: Then = "closes" if answer.is_last else "goes on"
    return Shown(answer.head + answer.framed, then, after_seconds)


def made(status: int, page: str, faults: Faults, *, asks_to_wait: bool = False) -> Shown:
    """An answer that is not the server's, but of something on the way."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"date: {formatdate(time() + faults.date_offset_seconds, usegmt=True)}",
        "content-type: text/html",
        f"content-length: {len(page)}",
    ]
    if asks_to_wait:
        lines.append(f"retry-after: {faults.retry_after_seconds}")
    return Shown("\r\n".join([*lines, "", page]).encode("ascii"))


def failed(faults: Faults, dice: Random) -> Shown:
    """One of the statuses of a gateway in trouble."""
    status, asks_to_wait = dice.choice(FAILURES)
    return made(status, ERROR_PAGE.format(status=status), faults, asks_to_wait=asks_to_wait)


def rate_limited(faults: Faults, dice: Random) -> Shown:
    """Too many requests, says somebody who did not pass this one on."""
    return made(429, ERROR_PAGE.format(status=429), faults, asks_to_wait=True)


def cut_short(answer: Message, dice: Random) -> Shown | None:
    """Less than the head promises. None if there is no body to cut."""
    if not answer.body:
        return None
    return Shown(answer.head + answer.framed[: dice.randrange(len(answer.framed))], "closes")


def cut_cleanly(answer: Message, dice: Random) -> Shown | None:
    """Less than the server sent, under a head that fits. None if there is no body to cut."""
    whole = answer.body.rstrip()  # without its last line break JSON is still whole
    if not whole:
        return None
    cut = whole[: dice.randrange(len(whole))]
    if answer.is_chunked:
        chunk = b"%x\r\n%b\r\n" % (len(cut), cut) if cut else b""
        return unharmed(replace(answer, framed=chunk + LAST_CHUNK))
    head = LENGTH.sub(b"\r\ncontent-length: %d" % len(cut), answer.head)
    return unharmed(replace(answer, head=head, framed=cut))


BEFORE: Mapping[str, Callable[[Faults, Random], Shown]] = {
    "reset_before": lambda faults, dice: Shown(then="resets"),
    "failed_before": failed,
    "rate_limited": rate_limited,
    "captive_portal": lambda faults, dice: made(200, PORTAL_PAGE, faults),
}
AFTER: Mapping[str, Callable[[Message, Faults, Random], Shown | None]] = {
    "reset_after": lambda answer, faults, dice: Shown(then="resets"),
    "failed_after": lambda answer, faults, dice: failed(faults, dice),
    "dropped": lambda answer, faults, dice: Shown(then="closes"),
    "delayed": lambda answer, faults, dice: unharmed(answer, faults.delay_seconds),
    "cut_short": lambda answer, faults, dice: cut_short(answer, dice),
    "cut_cleanly": lambda answer, faults, dice: cut_cleanly(answer, dice),
    NOTHING: lambda answer, faults, dice: unharmed(answer),
}
FAULTS = tuple(fault for fault in (*BEFORE, *AFTER) if fault != NOTHING)

CALM = Faults()
STORM = Faults(
    dropped=0.10,
    delayed=0.10,
    reset_before=0.03,
    reset_after=0.03,
    cut_short=0.03,
    cut_cleanly=0.03,
    failed_before=0.03,
    failed_after=0.03,
)
