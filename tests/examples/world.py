"""Alice's browser, Photos, and the Flextell that Photos talks to: the SDK's own fake."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app import SCOPE
from flextell_sdk import App, FileStore, Grants, Tokens
from flextell_sdk.stores import TokenStore
from photos.session import COOKIE, Session
from photos.web import build_app
from sdk.tests.clock import Clock
from sdk.tests.fake_server import CLIENT_ID, CLIENT_SECRET, ISSUER, FakeServer

ORIGIN = "https://localhost:9443"
REDIRECT_URI = f"{ORIGIN}/callback"
PHOTOS = App(ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE)


@dataclass(eq=False)
class World:
    """Everything that Alice meets, before she presses anything."""

    folder: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.flextell = FakeServer(self.clock)
        self.photos = self.start()
        self.alice = browser(self.photos)

    def start(self) -> Starlette:
        """Photos, started (again)."""
        self.grants = self.program(PHOTOS, FileStore(self.folder))
        http = httpx2.AsyncClient(base_url=PHOTOS.api_url, transport=self.flextell.async_transport)
        return build_app(self.grants, http, self.clock.now)

    def program(self, app: App, store: TokenStore) -> Grants:
        """The SDK, at the fake server instead of the network."""
        return Grants(
            app,
            store,
            # Without chance the pauses between two tries take no time.
            sources=self.clock.sources(chance=0.0),
            transport=self.flextell.transport,
            async_transport=self.flextell.async_transport,
        )

    def press(self, path: str) -> tuple[int, str]:
        """Press a button of the page: the status and the page (or where it leads)."""
        number = re.search(r'name="form_number" value="(\w+)"', self.alice.get("/").text)
        assert number
        answer = self.alice.post(path, data={"form_number": number[1]})
        return answer.status_code, answer.headers.get("location", answer.text)

    def comes_back(self, scope: str | None = None) -> str:
        """Press Connect and Allow: the address that Flextell sends the browser to."""
        status, location = self.press("/connect")
        assert status == 303
        return self.flextell.allow(location, scope)

    def connect(self, scope: str | None = None) -> None:
        """Go through the whole flow."""
        answer = self.alice.get(self.comes_back(scope))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")

    def kept(self, cookie: str = "") -> Tokens | None:
        """What another program finds in the store for Alice's browser, or for a cookie."""
        owner = Session(cookie or self.alice.cookies[COOKIE]).owner
        return FileStore(self.folder).load(PHOTOS.grant_key(owner))

    def secrets_kept(self, cookie: str) -> list[str]:
        """The tokens that are in the store for a cookie."""
        kept = self.kept(cookie)
        return [token for token in (kept.access_token, kept.refresh_token) if token] if kept else []


def browser(app: Starlette, cookies: dict[str, str] | None = None) -> TestClient:
    """A browser at Photos that follows no redirect by itself."""
    return TestClient(app, base_url=ORIGIN, follow_redirects=False, cookies=cookies)


def changed(address: str, **said: str | None) -> str:
    """The address with other parameters, and without those that are None."""
    place = urlsplit(address)
    query = {**dict(parse_qsl(place.query)), **said}
    kept = {name: value for name, value in query.items() if value is not None}
    return place._replace(query=urlencode(kept)).geturl()
