"""The management port: is this server alive, started, ready; and what has it counted.

Plain HTTP for probes and for Prometheus. Nothing here is secret, and nothing can be changed.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, ProcessCollector, generate_latest
from prometheus_client.core import Metric as Family
from starlette.types import ASGIApp, Receive, Scope, Send

from flextell.life import Life

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Service:
    """What a process serves: an app, what must be well for it to answer, and what it counted."""

    app: ASGIApp
    checks: Callable[[], Mapping[str, bool]] = dict
    families: Callable[[], Iterable[Family]] = tuple


@dataclass(frozen=True, slots=True)
class Health:
    """`failed`: the checks because of which no requests should come; of each worker, if several."""

    alive: bool
    started: bool
    failed: tuple[str, ...]
    workers: Mapping[str, tuple[str, ...]] | None = None


class Subject(Protocol):
    """Whose health and metrics are shown."""

    async def health(self) -> Health:
        """How it is now."""

    async def families(self) -> Iterable[Family]:
        """Its metrics, with those of its process or processes."""


class OneProcess:
    """A server that is this process alone."""

    def __init__(self, service: Service, life: Life) -> None:
        self._service = service
        self._life = life
        self._process = ProcessCollector(registry=None)

    async def health(self) -> Health:
        """How it is now: that we can say so proves that the loop answers."""
        failed = [name for name, well in self._service.checks().items() if not well]
        return Health(True, self._life.started, (*self._life.failed(), *failed))

    async def families(self) -> Iterable[Family]:
        """Its metrics."""
        return [*self._service.families(), *self._process.collect()]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    content_type: str
    body: bytes


def _told(well: bool, **more: object) -> Answer:
    status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
    told = {"status": "ok" if well else "unavailable", **more}
    return Answer(status, JSON, orjson.dumps(told))


async def _live(subject: Subject) -> Answer:
    return _told((await subject.health()).alive)


async def _started(subject: Subject) -> Answer:
    return _told((await subject.health()).started)


async def _ready(subject: Subject) -> Answer:
    health = await subject.health()
    workers = {} if health.workers is None else {"workers": health.workers}
    return _told(not health.failed, failed=health.failed, **workers)


class _Collected:
    """Families as `generate_latest` wants them."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


async def _metrics(subject: Subject) -> Answer:
    text = generate_latest(_Collected(await subject.families()))
    return Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, text)


PATHS: Mapping[str, Callable[[Subject], Awaitable[Answer]]] = {
    "/health/live": _live,
    "/health/started": _started,
    "/health/ready": _ready,
    "/metrics": _metrics,
}


def management(subject: Subject) -> ASGIApp:
    """The paths above, for GET and HEAD."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked = PATHS.get(scope["path"])
        if asked is None:
            answer = _no(HTTPStatus.NOT_FOUND, "not_found")
        elif scope["method"] not in ("GET", "HEAD"):
            answer = _no(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed")
        else:
            answer = await asked(subject)
        headers = [
            (b"content-type", answer.content_type.encode("ascii")),
            (b"content-length", b"%d" % len(answer.body)),
            (b"cache-control", b"no-store"),
        ]
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _no(status: HTTPStatus, error: str) -> Answer:
    return Answer(status, JSON, orjson.dumps({"error": error}))
