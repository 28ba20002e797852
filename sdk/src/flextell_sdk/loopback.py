"""Sign in the person at this machine, by their browser and a loopback address (RFC 8252 §7.3)."""

import os
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from urllib.parse import SplitResult, urlsplit

from flextell_sdk.app import LOOPBACK, App
from flextell_sdk.errors import SignInAgain, SignInError, SignInMismatch
from flextell_sdk.grant import Grant
from flextell_sdk.grants import DEFAULT_NAME, Grants
from flextell_sdk.listener import Listener, Page, Request, Verdict
from flextell_sdk.sign_in import ProvenCode, Remembered, finish_sign_in, start_sign_in
from flextell_sdk.stores.protocol import TokenStore

WAIT_SECONDS = 300.0
ANY_PORT = "http://127.0.0.1/callback"
# What servers need not name among the scopes of a token (OpenID Connect Core §11).
NEVER_MISSED = frozenset({"offline_access"})

OPEN_IT = (
    "To sign in, open this address in a browser on this machine, unless it has opened:\n\n  {}\n"
)

WELCOME = Page("200 OK", "You are back", "The program goes on. You can close this window.")
REFUSED = Page(
    "200 OK", "You are not signed in", "The program was told why. You can close this window."
)
NOT_FOUND = Page("404 Not Found", "Not found", "There is nothing here.")
ONLY_GET = Page("405 Method Not Allowed", "Not allowed", "This address can only be opened.")
OTHER_HOST = Page("421 Misdirected Request", "Not here", "This program has another address.")
NOT_OURS = "{} The program waits for another answer: open the address that it showed."


def say_on_stderr(line: str) -> None:
    """For the person at a terminal, beside what the program prints."""
    print(line, file=sys.stderr, flush=True)


def sign_in_here(
    app: App,
    name: str = DEFAULT_NAME,
    *,
    store: TokenStore | None = None,
    grants: Grants | None = None,
    scope: str | None = None,
    open_browser: Callable[[str], object] = webbrowser.open,
    wait_seconds: float = WAIT_SECONDS,
    anew: bool = False,
    say: Callable[[str], None] = say_on_stderr,
) -> Grant:
    """The grant `name` of the person at this machine; signs them in with a browser if need be.

    Tokens that work and cover `scope`, the app's unless given, are enough; `anew` asks all the
    same, and whoever comes then takes the place of who was there. The app's `redirect_uri` is a
    loopback address, as registered: without a port any free one is taken; the default is
    `http://127.0.0.1/callback`. The address to open goes to `say` too, for a person whose browser
    does not open. `grants` brings a store of its own.

    Waits for the person: in async code `await grants.in_thread(...)` or `asyncio.to_thread`, where
    a wait that is cancelled goes on until it is over. Raises SignInError (AccessDenied and others)
    after the page has told the person; Unreachable, ServerMisconfigured, TokenRequestRefused,
    StoreError.
    """
    if grants is None:
        grants = Grants(app, store)
    elif store is not None:
        raise TypeError("grants has a store already")
    grant = grants.open(name)
    wanted = (app.scope if scope is None else scope).split()
    if not anew and (have := _scopes(grant)) is not None:
        if NEVER_MISSED.union(have).issuperset(wanted):
            return grant
        # New tokens take the place of the old ones, and should not be good for less.
        wanted = list(dict.fromkeys((*have, *wanted)))
    code = _code(app, grants, " ".join(wanted), open_browser, wait_seconds, say)
    return grants.exchange_code(code, name, may_be_another_person=anew)


def _scopes(grant: Grant) -> tuple[str, ...] | None:
    """What the grant's tokens are good for, None if it has none that work."""
    try:
        return grant.tokens().scopes
    except SignInAgain:
        return None


def _code(
    app: App,
    grants: Grants,
    scope: str,
    open_browser: Callable[[str], object],
    wait_seconds: float,
    say: Callable[[str], None],
) -> ProvenCode:
    """The code that the browser brings back."""
    sources, server = grants.wire.sources, grants.wire.server()
    place = loopback_place(app.redirect_uri)
    with _listener(place, sources.monotonic) as listener:
        place = place._replace(netloc=_netloc(place, listener.port))
        begun = start_sign_in(
            app, server, scope=scope, redirect_uri=place.geturl(), sources=sources
        )
        say(OPEN_IT.format(begun.url))
        # Some browsers are programs in this terminal, and end only when the person is done.
        Thread(target=_open, args=(open_browser, begun.url), daemon=True).start()
        found = listener.wait(partial(judge, place, begun.remembered), wait_seconds)
    if found is None:
        raise SignInError(f"Nobody came back from the browser within {wait_seconds:g} seconds.")
    if isinstance(found, SignInError):
        raise found
    return found


def loopback_place(redirect_uri: str) -> SplitResult:
    """The parts of a loopback redirect URI; the default's if it is empty. Raises SignInError."""
    with suppress(ValueError):
        place = urlsplit(redirect_uri or ANY_PORT)
        # Asking for the port is what checks it.
        if place.scheme == "http" and place.hostname in LOOPBACK and place.port != 0:
            return place
    raise SignInError(
        "The app's redirect URI is no loopback address, to which a browser brings an answer to "
        f"this machine: register {ANY_PORT} for the app, and set redirect_uri to it."
    )


def _netloc(place: SplitResult, port: int) -> str:
    return f"[{place.hostname}]:{port}" if place.hostname == "::1" else f"{place.hostname}:{port}"


def _listener(place: SplitResult, monotonic: Callable[[], float]) -> Listener:
    # A name could mean another address to the browser (RFC 8252 §8.3); ours is never a name.
    host = "::1" if place.hostname == "::1" else "127.0.0.1"
    try:
        return Listener(host, place.port or 0, monotonic)
    except OSError as problem:
        port = f"Port {place.port}" if place.port else "A port"
        why = os.strerror(problem.errno) if problem.errno else "an unknown error"
        raise SignInError(f"{port} of this machine cannot be listened on: {why}.") from problem


def _open(open_browser: Callable[[str], object], url: str) -> None:
    # The person has the address all the same.
    with suppress(OSError, webbrowser.Error):
        open_browser(url)


def judge(
    place: SplitResult, remembered: Remembered, request: Request
) -> Verdict[ProvenCode | SignInError]:
    """What a request is worth, which anybody may have sent.

    An answer to another question does not even end the wait: else any site could end it.
    """
    if request.host.lower() != place.netloc:  # a site whose name was made to mean this machine
        return Verdict(OTHER_HOST)
    if request.method != "GET":
        return Verdict(ONLY_GET)
    if request.target.partition("?")[0] != (place.path or "/"):
        return Verdict(NOT_FOUND)
    try:
        return Verdict(WELCOME, finish_sign_in(request.target, remembered))
    except SignInMismatch as problem:
        return Verdict(Page("400 Bad Request", "Not accepted", NOT_OURS.format(problem)))
    except SignInError as problem:
        return Verdict(REFUSED, problem)
