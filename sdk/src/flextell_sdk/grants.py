"""Every grant of one app at one server: what it shares, and how a grant begins."""

import asyncio
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Self, TypeVar

import httpx2

from flextell_sdk.app import App
from flextell_sdk.errors import ServerMisconfigured, SignInMismatch
from flextell_sdk.grant import Grant
from flextell_sdk.sign_in import ProvenCode, SignIn, check_id_token, start_sign_in
from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.stores.file import FileStore
from flextell_sdk.stores.protocol import TokenStore
from flextell_sdk.threads import Threads
from flextell_sdk.token_endpoint import exchange_request, read_tokens
from flextell_sdk.tokens import Tokens
from flextell_sdk.waiting import arrival
from flextell_sdk.wire import Wire

T = TypeVar("T")

# For programs of one person.
DEFAULT_NAME = "default"
# About a kilobyte each.
KEPT_AT_HAND = 10_000
# How many grants may be refreshed at once; each takes a thread for as long as the server does.
REFRESHES_AT_ONCE = 16
# The same for what `in_thread` runs, which may itself wait for a refresh.
OTHERS_AT_ONCE = 16


class Grants:
    """One for a program: `Grants(app)`, then `open` for each person.

    Without a `store` tokens are kept in the user's own folder, encrypted. `transport` and
    `async_transport` take the place of the network in tests. Safe to use from many threads and
    tasks, and after a fork.
    """

    def __init__(
        self,
        app: App,
        store: TokenStore | None = None,
        *,
        sources: Sources = SYSTEM,
        transport: httpx2.BaseTransport | None = None,
        async_transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.app = app
        self.store: TokenStore = FileStore(sources=sources) if store is None else store
        self.wire = Wire(app, sources, transport, async_transport)
        # One object for a name as long as anyone has it; and the latest are not read anew.
        self._opened: weakref.WeakValueDictionary[str, Grant] = weakref.WeakValueDictionary()
        self._latest: OrderedDict[str, Grant] = OrderedDict()
        self._start_anew()
        _ALIVE.add(self)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._refreshing = Threads(REFRESHES_AT_ONCE)
        self._others = Threads(OTHERS_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.wire.close_of_tasks()
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Wait for refreshes under way, without more tries, and close the connections.

        Whoever goes on, may.
        """
        self.wire.hurry()
        self._refreshing.join()
        self.wire.close()

    def open(self, name: str = DEFAULT_NAME) -> Grant:
        """The grant of that name, which may be any text: your own id of the person, say.

        There need be nothing under it yet; `Grant.is_signed_in` tells.
        """
        with self._lock:
            grant = self._opened.get(name)
            if grant is None:
                grant = self._opened[name] = Grant(name, self.wire, self.store, self._refresh)
            self._latest[name] = grant
            self._latest.move_to_end(name)
            if len(self._latest) > KEPT_AT_HAND:
                self._latest.popitem(last=False)
            return grant

    def start_sign_in(
        self,
        *,
        scope: str | None = None,
        prompt: str = "",
        login_hint: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> SignIn:
        """Where to send the person, and what to remember meanwhile; as `sign_in.start_sign_in`.

        Raises Unreachable, ServerMisconfigured.
        """
        return start_sign_in(
            self.app,
            self.wire.server(),
            scope=scope,
            prompt=prompt,
            login_hint=login_hint,
            extra=extra,
            sources=self.wire.sources,
        )

    def exchange_code(
        self, code: ProvenCode, name: str | None = None, *, may_be_another_person: bool = False
    ) -> Grant:
        """Buy tokens with a code and keep them as the grant `name` (RFC 6749 §4.1.3).

        Without a name it is the person's `sub`, which takes the scope `openid`: TypeError else,
        for one name for everybody would mix them up. A living grant of that name stays with the
        person it is of, as far as ID tokens tell: SignInMismatch for another, unless told. The
        request is sent once, unless it surely did not arrive: a code that is presented twice ends
        what it bought (§4.1.2).

        Raises TokenRequestRefused, Unreachable, SignInMismatch, StoreError.
        """
        asked = code.remembered
        if (asked.issuer, asked.client_id) != (self.app.issuer, self.app.client_id):
            raise SignInMismatch("The sign-in was begun for another app or server.")
        if name is None and "openid" not in asked.scope.split():
            raise TypeError("name the grant, or ask for the scope openid")
        request = exchange_request(self.app, self.wire.server(), code)
        tokens = self.wire.ask(
            request,
            lambda heard: read_tokens(heard, None, asked.scope),
            only_if_not_sent=True,
        )
        subject = self._subject(tokens, code)
        grant = self.open(name or subject)
        grant.begin(tokens, may_be_another_person=may_be_another_person)
        return grant

    async def start_sign_in_async(
        self, *, scope: str | None = None, prompt: str = "", login_hint: str = ""
    ) -> SignIn:
        """As `start_sign_in`, for tasks."""
        return await self.in_thread(
            lambda: self.start_sign_in(scope=scope, prompt=prompt, login_hint=login_hint)
        )

    async def exchange_code_async(self, code: ProvenCode, name: str | None = None) -> Grant:
        """As `exchange_code`, for tasks: cancelled, it still keeps what it bought."""
        return await arrival(self._refreshing.submit(lambda: self.exchange_code(code, name)))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Await what blocks, such as `grant.sign_out`, without blocking the loop."""
        return await arrival(self._others.submit(work))

    def _subject(self, tokens: Tokens, code: ProvenCode) -> str:
        """Who signed in; empty if that was not asked for (OpenID Connect Core §3.1.3.3)."""
        if tokens.id_token is None:
            if "openid" in code.remembered.scope.split():
                raise ServerMisconfigured("The scope openid was asked for, and no ID token came.")
            return ""
        claims = check_id_token(tokens.id_token, code.remembered, self.wire.server_now())
        return str(claims["sub"])

    def _refresh(self, work: Callable[[], T]) -> "Future[T]":
        return self._refreshing.submit(work)


_ALIVE: "weakref.WeakSet[Grants]" = weakref.WeakSet()


def _after_fork() -> None:
    """A child has none of its parent's threads, and must leave it its connections."""
    for grants in list(_ALIVE):
        grants._start_anew()
        grants.wire.start_anew()
        for grant in list(grants._opened.values()):
            grant.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
