"""The guard of an API: who calls, and may they? (RFC 6750, RFC 9068 §4)

How a request is judged is written once, as a generator that yields what must be waited for;
threads and tasks each drive it in their own way. A token that was seen before costs no I/O, and
no signature: its time and whether it was revoked are looked at every time.
"""

import os
import weakref
from collections.abc import Generator, Iterable
from concurrent.futures import Future
from hashlib import sha256
from typing import Self

import httpx2

from flextell_sdk.guard.access_token import Unverified, caller_of, take_apart
from flextell_sdk.guard.authorization import token_in
from flextell_sdk.guard.caller import Caller
from flextell_sdk.guard.keys import KeySet, VerifyingKey
from flextell_sdk.guard.knowledge import Knowledge
from flextell_sdk.guard.refusals import (
    Answer,
    ExpiredToken,
    MalformedToken,
    Refusal,
    RevokedToken,
    Unavailable,
    answer,
)
from flextell_sdk.guard.resource import Resource
from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.waiting import arrival

Authorization = str | Iterable[str] | None
Waiting = Generator["Future[None]", None, None]


class Guard:
    """One for an API, made where the program starts; nothing is asked before the first request.

    Safe to use from any number of threads, tasks and event loops, and after a fork. `transport`
    takes the place of the network in tests.
    """

    def __init__(
        self,
        resource: Resource,
        *,
        sources: Sources = SYSTEM,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.resource = resource
        self._sources = sources
        self._known = Knowledge(resource, sources, transport)
        _ALIVE.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for questions under way and close the connections. Whoever goes on, may."""
        self._known.close()

    def check(self, authorization: Authorization, *any_of: str) -> Caller:
        """Who calls, if the token is good and has one of these scopes; none named: any token.

        `authorization` is every value of the header, or its only one, or None. Raises a Refusal,
        which `answer` makes into what to send.
        """
        judging = self._judged(authorization, any_of)
        try:
            while True:
                next(judging).result()
        except StopIteration as end:
            caller: Caller = end.value
            return caller

    async def check_async(self, authorization: Authorization, *any_of: str) -> Caller:
        """As `check`, for tasks: the event loop is not blocked."""
        judging = self._judged(authorization, any_of)
        try:
            while True:
                await arrival(next(judging))
        except StopIteration as end:
            caller: Caller = end.value
            return caller

    def answer(self, refusal: Refusal) -> Answer:
        """What to send to whom `check` refused."""
        return answer(refusal, self.resource.challenge_realm)

    def _judged(
        self, authorization: Authorization, any_of: tuple[str, ...]
    ) -> Generator["Future[None]", None, Caller]:
        token = token_in(authorization)
        digest = sha256(token.encode("ascii")).digest()
        caller = yield from self._verified(token, digest)
        yield from self._alive(caller, token, digest)
        caller.need(*any_of)
        return caller

    # Who is it?

    def _verified(self, token: str, digest: bytes) -> Generator["Future[None]", None, Caller]:
        published = self._known.published
        waiting = published.needed()
        if waiting is not None:
            take_apart(token)  # what cannot be a token need not wait to hear so
            yield waiting
        if published.news is not None:
            remembered = published.news.said.keys.verified.get(digest)
            if remembered is not None:
                return remembered
        unverified = take_apart(token)
        keys, key = yield from self._key(unverified)
        resource, now = self.resource, self._sources.now()
        caller = caller_of(unverified, key, resource.issuer, resource.audience, now)
        return keys.verified.keep(digest, lambda: caller)

    def _key(
        self, unverified: Unverified
    ) -> Generator["Future[None]", None, tuple[KeySet, VerifyingKey]]:
        """The key that the token names, and the set it is in; the set is fetched anew for it."""
        found = self._find(unverified)
        if found is None:
            waiting = self._known.published.renewal()
            if waiting is not None:
                yield waiting
                found = self._find(unverified)
        if found is not None:
            return found
        # Keys that could not be fetched may have held this one.
        raise Unavailable if self._known.published.failed else MalformedToken

    def _find(self, unverified: Unverified) -> tuple[KeySet, VerifyingKey] | None:
        news = self._known.published.news
        if news is None:
            return None
        key = news.said.keys.find(unverified.kid, unverified.algorithm)
        return None if key is None else (news.said.keys, key)

    # Is it over?

    def _alive(self, caller: Caller, token: str, digest: bytes) -> Waiting:
        """Raises RevokedToken, ExpiredToken, and Unavailable if nobody can tell."""
        if self.resource.revoked_tokens_work_until_they_expire:
            self._check_time(caller)
            return
        published = self._known.published.news
        if published is None or not published.said.server.revocation_feed_endpoint:
            self._check_time(caller)
        elif (yield from self._heard_of(caller)):
            return
        yield from self._introspected(token, digest)

    def _heard_of(self, caller: Caller) -> Generator["Future[None]", None, bool]:
        """Whether the feed is new enough to say that the token is not over."""
        feed = self._known.feed
        waiting = feed.needed()
        # A revoked token says so even after it expired: that is the more useful answer. And what
        # was over a while ago is over now, however old the news.
        self._check_revoked(caller)
        self._check_time(caller)
        if waiting is not None:
            yield waiting
            self._check_revoked(caller)
        return feed.good() is not None

    def _introspected(self, token: str, digest: bytes) -> Waiting:
        standing = self._known.standing(digest)
        waiting = standing.needed(token)
        if waiting is not None:
            yield waiting
        is_active = standing.good()
        if is_active is None:
            raise Unavailable
        if not is_active:
            raise RevokedToken

    def _check_revoked(self, caller: Caller) -> None:
        news = self._known.feed.news
        if news is not None and news.said.end(caller.jti):
            raise RevokedToken

    def _check_time(self, caller: Caller) -> None:
        """RFC 7519 §4.1.4: on or after `exp`."""
        if self._sources.now() >= caller.expires_at:
            raise ExpiredToken


_ALIVE: "weakref.WeakSet[Guard]" = weakref.WeakSet()


def _after_fork() -> None:
    """A child has none of its parent's threads, and must leave it its connections."""
    for guard in list(_ALIVE):
        guard._known.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
