"""The SDK at a server behind the fault proxy, and callers that share one grant through it."""

import asyncio
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

import flextell_sdk
from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.stores import FileStore, TokenStore, key_from_text
from tests.peers.visitor import Visitor
from tests.together.server import ALICE, PASSWORD, App, RunningServer

# What the store is sealed under here: the same for every process of a test.
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
# How long a caller waits between two calls, at most: many callers, and two cores for all.
LONGEST_PAUSE_SECONDS = 0.6


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def at(url: str, app: App, ca_file: Path, *, timeout_seconds: float = 10.0) -> flextell_sdk.App:
    """The app as the SDK knows it, at the server or a proxy before it."""
    return flextell_sdk.App(
        issuer=url,
        client_id=app.client_id,
        client_secret=app.client_secret,
        redirect_uri=app.redirect_uri,
        scope=app.scope,
        ca_file=ca_file,
        timeout_seconds=timeout_seconds,
    )


def shared_store(folder: Path) -> FileStore:
    """The store of a folder, for every process that names it."""
    return FileStore(folder, key_from_text(KEY))


def signed_in(
    grants: flextell_sdk.Grants,
    server: RunningServer,
    name: str = "alice",
    email: str = ALICE,
) -> flextell_sdk.Grant:
    """A grant that the person has just allowed, at a browser of their own."""
    begun = grants.start_sign_in()
    with httpx2.Client(verify=server.trust()) as browser:
        back = Visitor(browser, grants.app.issuer, email, PASSWORD).visit(begun.url)
    return grants.exchange_code(flextell_sdk.finish_sign_in(back, begun.remembered), name)


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that is wrong by so many seconds."""

    wrong_by: float

    def sources(self) -> Sources:
        """The system's own, but for that."""
        return Sources(now=lambda: SYSTEM.now() + self.wrong_by)


class Callers:
    """Threads and tasks that call the API for one grant, again and again, until they are told.

    `outcomes` counts how the calls ended: `ok`, or the name of the error.
    """

    def __init__(self, app: flextell_sdk.App, store: TokenStore, threads: int, tasks: int) -> None:
        self.grants = flextell_sdk.Grants(app, store)
        self.outcomes: Counter[str] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(threads)]
        if tasks:
            self._threads.append(threading.Thread(target=lambda: asyncio.run(self._tasks(tasks))))

    @contextmanager
    def calling(self) -> Iterator["Callers"]:
        """Callers at work, stopped at the end."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()
            self.grants.close()

    def _call(self) -> None:
        client = flextell_sdk.Client(self.grants.open("alice"))
        while not self._stop.wait(random.uniform(0, LONGEST_PAUSE_SECONDS)):
            try:
                client.about()
            except flextell_sdk.FlextellError as problem:
                self.outcomes[type(problem).__name__] += 1
            else:
                self.outcomes["ok"] += 1

    async def _tasks(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._await_calls())
        await self.grants.wire.close_of_tasks()

    async def _await_calls(self) -> None:
        client = flextell_sdk.AsyncClient(self.grants.open("alice"))
        while not self._stop.is_set():
            await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
            try:
                await client.about()
            except flextell_sdk.FlextellError as problem:
                self.outcomes[type(problem).__name__] += 1
            else:
                self.outcomes["ok"] += 1


def seconds_since(began: float) -> float:
    """How long it took."""
    return time.monotonic() - began
