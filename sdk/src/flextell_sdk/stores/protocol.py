"""The promises of a token store. Anyone can write one; `conformance` says whether it keeps them.

A store keeps `Tokens` under keys, which are texts of the SDK's own making.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from flextell_sdk.tokens import Tokens


class Held(Protocol):
    """One grant, held by one caller: nobody else changes it meanwhile, in no thread or process.

    A hold is good for one change. It ends with `replace`, or with its context: a database can only
    make a change durable by letting go of the row. Used after that, it raises StoreError.
    """

    @property
    def tokens(self) -> Tokens | None:
        """The newest tokens, as they are since the hold began; None if there are none.

        Raises StoreError if what is there cannot be read. It can be replaced all the same.
        """

    def replace(self, tokens: Tokens | None) -> None:
        """Keep these instead, or none; durable when it returns, and whole or not at all.

        Raises StoreError. Then the old ones are still there, or, if only the answer was lost,
        these: the next hold shows which.
        """


class TokenStore(Protocol):
    """Keeps tokens. Safe to use from many threads."""

    def load(self, key: str) -> Tokens | None:
        """The newest tokens, without waiting for whoever holds the grant. Raises StoreError."""

    def hold(self, key: str, wait_seconds: float) -> AbstractContextManager[Held]:
        """Hold the grant while the context lasts; a crash lets go of it.

        Others may hold it again after `replace`, even before the context ends. Raises StoreBusy if
        they hold it for longer than `wait_seconds`, and StoreError.
        """
