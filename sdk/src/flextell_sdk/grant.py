"""What one person allowed the app, and its tokens: always fresh, refreshed by one at a time.

Between threads and tasks one `Future` is the refresh that all wait for; between processes the
store's hold is. Whoever comes second finds newer tokens in the store and takes those. A refresh
runs in a thread of its own, so that nobody who stops waiting stops it half-way, and its tokens are
in the store before anyone uses them.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from flextell_sdk.errors import (
    InsufficientScope,
    SignInAgain,
    SignInMismatch,
    StoreDamaged,
    StoreKeyMissing,
    TokenRequestRefused,
)
from flextell_sdk.freshness import deadlines
from flextell_sdk.patience import ONCE, Patience
from flextell_sdk.sign_in import SignIn, id_token_claims, start_sign_in
from flextell_sdk.stores.protocol import Held, TokenStore
from flextell_sdk.token_endpoint import (
    check_revoked,
    read_tokens,
    refresh_request,
    revoke_request,
)
from flextell_sdk.tokens import Tokens
from flextell_sdk.waiting import arrival
from flextell_sdk.wire import Wire

T = TypeVar("T")

# Beside the patience of whoever holds the grant, and the time-out of their last try.
HOLD_SECONDS = 5.0
# After a refresh that failed or did not help, the next waits twice as long, up to this.
LONGEST_QUIET_SECONDS = 60.0

_log = logging.getLogger("flextell_sdk")


class Submit(Protocol):
    """Run work in a thread."""

    def __call__(self, work: Callable[[], T]) -> "Future[T]":
        """What will be its result."""


@dataclass(frozen=True, slots=True)
class Current:
    """Tokens as this process knows them, with the two moments that `freshness` sets."""

    tokens: Tokens
    stale_at: float
    dead_at: float


class Quiet:
    """A pause that doubles with every failure and ends with a success."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._until = 0.0

    def over(self) -> bool:
        """Whether it is time to try again."""
        return self._monotonic() >= self._until

    def failed(self) -> None:
        """It was of no use."""
        self._until = self._monotonic() + min(2.0 ** min(self._failures, 10), LONGEST_QUIET_SECONDS)
        self._failures += 1

    def succeeded(self) -> None:
        """It was; cheap where nothing had failed."""
        if self._failures:
            self._failures, self._until = 0, 0.0


class Grant:
    """One person's permission, under the name that the app gave it. `Grants.open` makes them.

    Safe to use from any number of threads and tasks, and, through a store that they share, of
    processes and machines.
    """

    def __init__(self, name: str, wire: Wire, store: TokenStore, submit: Submit) -> None:
        self.name = name
        self.wire = wire
        self._key = wire.app.grant_key(name)
        self._store = store
        self._submit = submit
        self._current: Current | None = None
        # How many times this process changed the grant in the store.
        self._changes = 0
        # Tokens that the store did not take, after those that they follow.
        self._unsaved: tuple[Tokens, Tokens] | None = None
        # The access token that took the place of a rejected one, until it is seen to work.
        self._remedy = ""
        self._early = Quiet(wire.sources.monotonic)
        self._refused = Quiet(wire.sources.monotonic)
        self.start_anew()

    def start_anew(self) -> None:
        """Forget threads and locks: in the child of a fork they are the parent's."""
        self._lock = threading.Lock()
        self._keeping = threading.Lock()
        self._flights: dict[Patience, Future[Tokens]] = {}

    def __repr__(self) -> str:
        return f"<Grant {self.name!r} of {self.wire.app.client_id} at {self.wire.app.issuer}>"

    # What programs ask.

    def tokens(self) -> Tokens:
        """Tokens that work now, refreshed if need be. Waits; in async code see `tokens_async`.

        Raises SignInAgain, Unreachable, TokenRequestRefused, StoreError.
        """
        found = self.at_hand()
        return found.result() if isinstance(found, Future) else found

    async def tokens_async(self) -> Tokens:
        """As `tokens`, for tasks."""
        found = self.at_hand()
        return await arrival(found) if isinstance(found, Future) else found

    def refresh(self) -> Tokens:
        """Other tokens than those of now, stale or not. Waits, and raises as `tokens` does."""
        return self._flight(self.wire.patience, self.tokens()).result()

    async def refresh_async(self) -> Tokens:
        """As `refresh`, for tasks."""
        return await arrival(self._flight(self.wire.patience, await self.tokens_async()))

    def is_signed_in(self) -> bool:
        """Whether there are tokens to begin with; asks the store, not the server."""
        kept = self._store.load(self._key)
        return kept is not None and not kept.ended

    def start_sign_in(self, *, scope: str | None = None, prompt: str = "") -> SignIn:
        """Where to send the person (again). Raises Unreachable, ServerMisconfigured."""
        wire = self.wire
        return start_sign_in(
            wire.app, wire.server(), scope=scope, prompt=prompt, sources=wire.sources
        )

    def step_up(self, missing: InsufficientScope) -> SignIn:
        """The sign-in that asks for the scope that was missing, beside those that are there.

        The person is asked only about what is new, where the server remembers what they allowed.
        """
        kept = self._store.load(self._key)
        have = kept.scopes if kept else tuple(self.wire.app.scope.split())
        wanted = dict.fromkeys((*have, *missing.scopes))
        return self.start_sign_in(scope=" ".join(wanted))

    def begin(self, tokens: Tokens, *, may_be_another_person: bool = False) -> None:
        """Keep the tokens of a sign-in that succeeded instead of any before.

        Raises StoreError, and SignInMismatch if those before are of another person and alive.
        """
        with self._hold() as held:
            before = _readable(held)
            if before and not may_be_another_person and not _of_one_person(before, tokens):
                raise SignInMismatch("Somebody else signed in: let the first one sign out.")
            self._keep(held, tokens.as_next_after(before))

    def sign_out(self) -> None:
        """End the grant: at the server first, then here (RFC 7009).

        Raises Unreachable or TokenRequestRefused with the tokens still kept, so that it can be
        tried again; `forget` drops them in any case.
        """
        with self._hold() as held:
            kept = held.tokens
            if kept is not None and not kept.ended:
                self._revoke(kept)
                self._keep(held, kept.over("you signed out."))

    def forget(self) -> None:
        """Drop the tokens here, without a word to the server. Raises StoreError."""
        with self._hold() as held:
            kept = _readable(held)
            self._keep(held, kept and kept.over("the tokens were dropped on this side."))

    # What calls ask: see `bearer`.

    def at_hand(self) -> "Tokens | Future[Tokens]":
        """Tokens, or the refresh that brings them. The fast path is one look at the clock."""
        now = self.wire.server_now()
        current = self._current
        if current is not None and now < current.stale_at:
            return current.tokens
        if current is not None and now < current.dead_at:
            if self._early.over():
                self._flight(ONCE)
            return current.tokens
        return self._flight(self.wire.patience)

    def other_than(self, rejected: Tokens) -> "Tokens | Future[Tokens] | None":
        """What to use in place of tokens that the API called invalid.

        None where a refresh did not help a moment ago: something else is wrong.
        """
        # In this order: a refresh that is over by now has left its tokens in `_current`.
        flight = self._flights.get(self.wire.patience)
        if flight is not None and not flight.done():
            return flight
        current = self._current
        if current is not None and current.tokens.access_token != rejected.access_token:
            return self.at_hand()
        # One that died on its way says nothing of whether a refresh helps.
        if rejected.access_token == self._remedy and not self.has_died(rejected):
            self._remedy = ""
            self._refused.failed()
        return self._flight(self.wire.patience, rejected) if self._refused.over() else None

    def has_died(self, tokens: Tokens) -> bool:
        """Whether their time is over, by the server's clock."""
        return self.wire.server_now() >= deadlines(tokens, 0.0).dead_at

    def accepted(self) -> None:
        """The API took the tokens."""
        self._remedy = ""
        self._refused.succeeded()

    def allowed_since(self, used: Tokens, scopes: frozenset[str]) -> "Future[Tokens | None]":
        """Newer tokens with these scopes, if somebody else has put such into the store."""
        return self._submit(partial(self._allowed_since, used, scopes))

    def _allowed_since(self, used: Tokens, scopes: frozenset[str]) -> Tokens | None:
        changes = self._changes
        kept = self._store.load(self._key)
        if kept is None or kept.ended or kept.version <= used.version:
            return None
        self._take(self._judged(kept), changes)
        return kept if scopes.issubset(kept.scopes) else None

    # One refresh at a time.

    def _flight(self, patience: Patience, rejected: Tokens | None = None) -> "Future[Tokens]":
        """The refresh under way, or a new one.

        An early one that a patient one overtakes is let be: the store has them go one by one.
        """
        with self._lock:
            flight = self._flights.get(patience)
            if flight is None or flight.done():
                flight = self._submit(partial(self._renew, patience, rejected))
                self._flights[patience] = flight
                if patience is ONCE:
                    flight.add_done_callback(self._early_done)
            return flight

    def _early_done(self, flight: "Future[Tokens]") -> None:
        problem = flight.exception()
        if problem is None:
            self._early.succeeded()
        else:
            self._early.failed()
            _log.warning("an early refresh failed, and will be tried again: %r", problem)

    def _renew(self, patience: Patience, rejected: Tokens | None) -> Tokens:
        """Newer tokens: from the store if somebody else was first, else from the server."""
        tokens = self._newer_in_store(rejected) or self._newer_from_server(patience, rejected)
        if rejected is not None:
            self._remedy = tokens.access_token
        return tokens

    def _newer_in_store(self, rejected: Tokens | None) -> Tokens | None:
        """Good tokens that this process does not know yet; waits for nobody."""
        changes = self._changes
        found = self._judged(self._living(self._store.load(self._key), changes))
        known = self._current
        is_newer = known is None or found.tokens.version > known.tokens.version
        if not is_newer or not self._is_good(found, rejected):
            return None
        self._take(found, changes)
        return found.tokens

    def _newer_from_server(self, patience: Patience, rejected: Tokens | None) -> Tokens:
        # Before the hold: others wait for that no longer than a refresh takes.
        self.wire.server()
        while True:
            with self._hold() as held:
                kept = self._living(held.tokens)
                found = self._judged(kept)
                if self._is_good(found, rejected):
                    self._take(found)
                    return kept
                new, is_late = self._refreshed(kept, held, patience)
            if not is_late or self._is_good(self._judged(new), rejected):
                return new

    def _hold(self) -> AbstractContextManager[Held]:
        longest = self.wire.app.patience_seconds + self.wire.app.timeout_seconds
        return self._store.hold(self._key, longest + HOLD_SECONDS)

    def _living(self, kept: Tokens | None, changes: int | None = None) -> Tokens:
        if kept is not None and not kept.ended:
            return kept
        self._take(None, changes)
        raise SignInAgain(self.name, kept.ended if kept else "nobody has signed in yet.")

    def _judged(self, kept: Tokens) -> Current:
        """The tokens with their moments, drawn once for each."""
        current = self._current
        if current is not None and current.tokens == kept:
            return current
        self.wire.suppose(kept.clock_offset)
        when = deadlines(kept, self.wire.sources.fraction())
        return Current(kept, when.stale_at, when.dead_at)

    def _is_good(self, found: Current, rejected: Tokens | None) -> bool:
        """Not stale, and not those that were called invalid."""
        if rejected is not None and found.tokens.access_token == rejected.access_token:
            return False
        return self.wire.server_now() < found.stale_at

    def _take(self, found: Current | None, changes: int | None = None) -> None:
        """Know this from now on, unless the grant was changed here since it was read."""
        with self._keeping:
            if changes is None or changes == self._changes:
                # One assignment: a reader sees tokens and moments that belong together.
                self._current = found

    def _keep(self, held: Held, tokens: Tokens | None) -> None:
        """Put tokens into the store and know them, or that there are none, in one step.

        The hold is over with that: without the lock, whoever holds next could be overtaken.
        """
        with self._keeping:
            self._changes += 1
            held.replace(tokens)
            self._current = None if tokens is None or tokens.ended else self._judged(tokens)

    def _refreshed(self, kept: Tokens, held: Held, patience: Patience) -> tuple[Tokens, bool]:
        """New tokens, kept; and whether they waited long for that and may be dead by now."""
        waiting = self._unsaved
        is_late = waiting is not None and waiting[0] == kept
        new = waiting[1] if waiting and is_late else self._asked(kept, held, patience)
        # A server that hands out each refresh token once will not hand out this one again: if it
        # cannot be kept now, it waits here for the next try, and nobody uses it before.
        self._unsaved = kept, new
        self._keep(held, new)
        self._unsaved = None
        return new, is_late

    def _asked(self, kept: Tokens, held: Held, patience: Patience) -> Tokens:
        wire = self.wire
        if kept.refresh_token is None:
            why = "the access token is over, and the server gave no refresh token."
            raise SignInAgain(self.name, why)
        request = refresh_request(wire.app, wire.server(), kept.refresh_token)
        try:
            return wire.ask(request, lambda heard: read_tokens(heard, kept, kept.scope), patience)
        except TokenRequestRefused as refusal:
            if refusal.error != "invalid_grant":
                raise
            why = f"the server no longer accepts what was allowed ({refusal})."
            self._keep(held, kept.over(why))
            raise SignInAgain(self.name, why) from refusal

    def _revoke(self, kept: Tokens) -> None:
        """The refresh token, and with it all that came of it (RFC 7009 §2.1)."""
        wire = self.wire
        if not wire.server().revocation_endpoint:
            return
        token, hint = (
            (kept.refresh_token, "refresh_token")
            if kept.refresh_token
            else (kept.access_token, "access_token")
        )
        request = revoke_request(wire.app, wire.server(), token, hint)
        wire.ask(request, lambda heard: check_revoked(heard.response))


def _readable(held: Held) -> Tokens | None:
    """What is held, if it can be read: what cannot is no loss when something new comes."""
    try:
        return held.tokens
    except (StoreDamaged, StoreKeyMissing):
        return None


def _of_one_person(before: Tokens, after: Tokens) -> bool:
    """Whether nothing speaks against it; an ID token need not be there, or of today."""
    if before.ended or before.id_token is None or after.id_token is None:
        return True
    known, new = (id_token_claims(each) for each in (before.id_token, after.id_token))
    return known.get("sub") == new.get("sub")
