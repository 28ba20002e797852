"""The small world of the tests: one app, one server, one store, and as many programs as needed."""

import ssl
from dataclasses import dataclass, field, replace
from functools import cache

import httpx2

from flextell_sdk.app import App
from flextell_sdk.grant import Grant
from flextell_sdk.grants import Grants
from flextell_sdk.sign_in import ProvenCode, Remembered, finish_sign_in
from flextell_sdk.sources import Sources
from flextell_sdk.tokens import Tokens
from flextell_sdk.wire import Wire
from sdk.tests.clock import Clock
from sdk.tests.fake_server import CLIENT_ID, CLIENT_SECRET, ISSUER, REDIRECT_URI, FakeServer
from sdk.tests.watched_store import WatchedStore

SCOPE = "account:read customers:read"
APP = App(ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE)
PUBLIC_APP = replace(APP, client_secret=None)
ASKED = Remembered(
    issuer=ISSUER,
    client_id=CLIENT_ID,
    redirect_uri=REDIRECT_URI,
    scope=SCOPE,
    names_itself=True,
    state="the state",
    verifier="the verifier",
    nonce="the nonce",
)
# Seconds after a sign-in: tokens live for an hour, are stale after 55 to 57.5 minutes and dead
# at 59:55, when the server still takes them.
FRESH, STALE, DEAD = 1800.0, 3500.0, 3598.0


@cache
def some_trust(_: App) -> ssl.SSLContext:
    """In the place of `App.trust`: to read certificates takes longer than a whole test."""
    return ssl.create_default_context()


@dataclass(eq=False)
class World:
    """Alice's world: `photos` is the first program of the app, and `program` starts others."""

    app: App = APP
    clock: Clock = field(default_factory=Clock)
    store: WatchedStore = field(default_factory=WatchedStore)

    def __post_init__(self) -> None:
        self.server = FakeServer(self.clock)
        self._programs: list[Grants] = []
        self.photos = self.program()

    def program(self, sources: Sources | None = None, app: App | None = None) -> Grants:
        """Another program, on another machine perhaps, with the same store."""
        grants = Grants(
            app or self.app,
            self.store,
            sources=sources or self.clock.sources(),
            transport=self.server.transport,
            async_transport=self.server.async_transport,
        )
        self._programs.append(grants)
        return grants

    def wire(self, wrong_by: float = 0.0, app: App | None = None) -> Wire:
        """A way to the server without a grant, for a program whose clock is wrong by so much."""
        sources = self.clock.sources(wrong_by=wrong_by)
        return Wire(app or self.app, sources, self.server.transport)

    def come_back(self, scope: str | None = None, grants: Grants | None = None) -> ProvenCode:
        """Alice goes to the server, allows, and is back."""
        begun = (grants or self.photos).start_sign_in(scope=scope)
        return finish_sign_in(self.server.allow(begun.url), begun.remembered)

    def alice(self, scope: str | None = None, grants: Grants | None = None) -> Grant:
        """Alice, signed in; nothing of that is among the requests `seen`."""
        grants = grants or self.photos
        grant = grants.exchange_code(self.come_back(scope, grants), "alice")
        self.server.seen.clear()
        return grant

    def kept(self, name: str = "alice") -> Tokens | None:
        """What the store has of a person now."""
        return self.store.load(self.app.grant_key(name))

    def settle(self) -> None:
        """Wait for what goes on in the background."""
        for grants in self._programs:
            grants.close()


def asked(wire: Wire, *, only_if_not_sent: bool = False) -> str:
    """Ask for something; what came."""
    request = httpx2.Request("GET", f"{ISSUER}/nothing")
    return wire.ask(request, lambda heard: heard.response.text, only_if_not_sent=only_if_not_sent)
