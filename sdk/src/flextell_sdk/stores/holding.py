"""A hold, as our own stores give it: two functions of the store, good until one change is made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flextell_sdk.errors import StoreError
from flextell_sdk.stores.protocol import Held
from flextell_sdk.tokens import Tokens

Read = Callable[[], Tokens | None]
Keep = Callable[[Tokens | None], None]


@contextmanager
def holding(read: Read, keep: Keep) -> Iterator[Held]:
    """`Held` for the time of the context; the caller has the lock."""
    holding = Holding(read, keep)
    try:
        yield holding
    finally:
        holding.end()


class Holding:
    """`Held` over what reads the grant and what keeps it."""

    __slots__ = ("_ended", "_keep", "_read")

    def __init__(self, read: Read, keep: Keep) -> None:
        self._read = read
        self._keep = keep
        self._ended = False

    @property
    def tokens(self) -> Tokens | None:
        self._refuse_if_ended()
        return self._read()

    def replace(self, tokens: Tokens | None) -> None:
        self._refuse_if_ended()
        self.end()
        self._keep(tokens)

    def end(self) -> None:
        """Whatever the store does now, it may do for others too."""
        self._ended = True

    def _refuse_if_ended(self) -> None:
        if self._ended:
            raise StoreError("A hold is good for one change; hold the grant again.")
