"""What may become of one request to the fake server: a fault is told how to have it answered."""

import json
from collections.abc import Callable
from typing import Any

import httpx2

from sdk.tests.clock import Clock

Answer = Callable[[], httpx2.Response]
Fault = Callable[[Answer], httpx2.Response]


class Crash(BaseException):
    """The program ends here; no `except Exception` of its own sees it."""


def no_fault(answer: Answer) -> httpx2.Response:
    """All goes well."""
    return answer()


def says(status: int, body: Any = None, **headers: str) -> Fault:
    """Nothing is done; this is the answer. `_` in a header's name stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    # As a stream: a client reads and unpacks it, as it would what comes from the network.
    return lambda answer: httpx2.Response(status, headers=named, stream=httpx2.ByteStream(content))


def never_arrives(kind: type[httpx2.TransportError] = httpx2.ConnectError) -> Fault:
    """The request does not get there."""

    def fault(_: Answer) -> httpx2.Response:
        raise kind("it never arrived")

    return fault


def is_lost(kind: type[BaseException] = httpx2.ReadError) -> Fault:
    """What was asked is done; nobody hears the answer."""

    def fault(answer: Answer) -> httpx2.Response:
        answer()
        raise kind("the answer was lost")

    return fault


def cut_short(answer: Answer) -> httpx2.Response:
    """What was asked is done; half of the answer comes, and says that it is all."""
    whole = answer()
    return httpx2.Response(whole.status_code, content=whole.content[: len(whole.content) // 2])


def takes(clock: Clock, seconds: float, then: Fault = no_fault) -> Fault:
    """It is done at once, and `then` shows only after so many seconds."""

    def fault(answer: Answer) -> httpx2.Response:
        try:
            return then(answer)
        finally:
            clock.move(seconds)

    return fault


def meanwhile(do: Callable[[], object], then: Fault = no_fault) -> Fault:
    """Before it is answered, this happens."""

    def fault(answer: Answer) -> httpx2.Response:
        do()
        return then(answer)

    return fault


def with_members(**changed: Any) -> Fault:
    """It is done; members of the answer are these, and those that are None are missing."""

    def fault(answer: Answer) -> httpx2.Response:
        whole = answer()
        said = {**whole.json(), **changed}
        body = {name: value for name, value in said.items() if value is not None}
        return httpx2.Response(whole.status_code, json=body)

    return fault
