"""What the promises are tried with: two people, their tokens, threads, and a verdict."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from flextell_sdk.errors import StoreBusy, StoreError
from flextell_sdk.stores.protocol import Held, TokenStore
from flextell_sdk.tokens import Tokens

T = TypeVar("T")

OpenStore = Callable[[], TokenStore]
Promise = Callable[[OpenStore], None]

ALICE = "https://login.example\nphotos\nalice"
BOB = "https://login.example\nphotos\nbob"
FIRST = Tokens("access-token-1", "refresh-token-1", "photos.read")
SECOND = Tokens("access-token-2", "refresh-token-2", "photos.read", version=2)
OF_BOB = Tokens("access-token-of-bob", "refresh-token-of-bob")

SOON = 0.2  # for a wait that is in vain
PATIENCE = 60.0  # for a wait that is not, on a slow machine


class BrokenPromise(AssertionError):
    """A store does not do what `protocol` says."""


def promised(kept: bool, otherwise: str) -> None:
    """Raises BrokenPromise with that sentence unless it is so."""
    if not kept:
        raise BrokenPromise(otherwise)


def keep(store: TokenStore, key: str, tokens: Tokens | None) -> None:
    """Hold the grant for no longer than it takes."""
    with store.hold(key, PATIENCE) as held:
        held.replace(tokens)


def changes(store: TokenStore, count: int) -> list[int]:
    """Put a version on top of what is there, so many times; the versions."""
    made = []
    for _ in range(count):
        with store.hold(ALICE, PATIENCE) as held:
            new = FIRST.as_next_after(held.tokens)
            held.replace(new)
        made.append(new.version)
    return made


def promised_in_a_row(found: list[list[int]], last: Tokens | None) -> None:
    """Every change stood on the one before."""
    versions = sorted(version for each in found for version in each)
    promised(versions == list(range(1, len(versions) + 1)), "hold: two made the same change.")
    promised(last == replace(FIRST, version=len(versions)), "replace: the last change is lost.")


def is_busy(store: TokenStore) -> bool:
    """Whether somebody else has Alice's grant."""
    try:
        with store.hold(ALICE, SOON):
            return False
    except StoreBusy:
        return True


def is_over(held: Held) -> bool:
    """Whether the hold can no longer be used."""
    uses: tuple[Callable[[], Any], ...] = (lambda: held.tokens, lambda: held.replace(SECOND))
    return all(map(_is_refused, uses))


def _is_refused(use: Callable[[], Any]) -> bool:
    try:
        use()
    except StoreError:
        return True
    return False


def elsewhere(work: Callable[..., T], *arguments: Any) -> "Future[T]":
    """What a thread of its own makes of it."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work, *arguments)
    finally:
        pool.shutdown(wait=False)


def in_time(future: "Future[T]") -> T:
    """What has come of it, unless it takes for ever."""
    try:
        return future.result(PATIENCE)
    except TimeoutError:
        raise BrokenPromise("A thread waits, and should not.") from None
