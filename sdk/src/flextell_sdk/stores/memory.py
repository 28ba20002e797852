"""Tokens in memory, for tests and for programs that sign in anew each time. Nothing is durable."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from flextell_sdk.stores.holding import holding
from flextell_sdk.stores.protocol import Held
from flextell_sdk.stores.turns import Turns
from flextell_sdk.tokens import Tokens


class MemoryStore:
    """`TokenStore` of one process."""

    def __init__(self) -> None:
        self._tokens: dict[str, Tokens] = {}
        self._turns = Turns()

    def load(self, key: str) -> Tokens | None:
        return self._tokens.get(key)

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        with (
            self._turns.turn(key, wait_seconds),
            holding(partial(self.load, key), partial(self._keep, key)) as held,
        ):
            yield held

    def _keep(self, key: str, tokens: Tokens | None) -> None:
        if tokens is None:
            self._tokens.pop(key, None)
        else:
            self._tokens[key] = tokens
