"""People at their own machine: a program that signs them in, and a browser that comes back."""

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flextell_sdk import sign_in_here
from flextell_sdk.grant import Grant
from flextell_sdk.grants import Grants
from sdk.tests.world import APP, World

SECONDS = 10
AT_HOME = replace(APP, redirect_uri="http://127.0.0.1/callback")


def program(world: World, redirect_uri: str = AT_HOME.redirect_uri) -> Grants:
    """A program at Alice's machine; it waits by the true clock, as browsers take true time."""
    sources = replace(world.clock.sources(), monotonic=time.monotonic)
    return world.program(sources, replace(APP, redirect_uri=redirect_uri))


def sign_in(grants: Grants, browser: Callable[[str], object], **more: Any) -> Grant:
    """Start the program and be signed in."""
    options = {"wait_seconds": SECONDS, "say": lambda line: None, **more}
    return sign_in_here(grants.app, grants=grants, open_browser=browser, **options)


def asked(url: str) -> dict[str, str]:
    """What the address that a browser was sent to asks for."""
    return dict(parse_qsl(urlsplit(url).query))


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser shows."""

    status: int
    headers: dict[str, str]
    text: str


def visit(address: str, method: str = "GET", **headers: str) -> Shown:
    """Open an address of this machine, sending its host unless another is given."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.netloc, timeout=SECONDS)
    try:
        target = address.removeprefix(f"{place.scheme}://{place.netloc}")
        connection.request(method, f"/{target.removeprefix('/')}", headers=headers)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Shown(answer.status, named, answer.read().decode())
    finally:
        connection.close()


@dataclass
class Browser:
    """A browser; `goes` does what its person does, and says which addresses of ours they come to.

    `opened` is where it was sent; `shown` is what our pages showed, oldest first.
    """

    goes: Callable[[str], str | list[str]]
    opened: list[str] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def __call__(self, url: str) -> None:
        self.opened.append(url)
        came_to = self.goes(url)
        for address in [came_to] if isinstance(came_to, str) else came_to:
            self.shown.append(visit(address))
        self.done.set()

    def last_page(self) -> Shown:
        """The page at the end, which the program may not have waited for."""
        assert self.done.wait(SECONDS)
        return self.shown[-1]


def no_browser(url: str) -> None:
    """The browser of somebody who need not be asked."""
    raise AssertionError("a browser was opened")
