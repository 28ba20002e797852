"""Stores that break one promise each, in ways that stores are known for."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

from flextell_sdk.errors import StoreBusy
from flextell_sdk.stores import FileStore, Held, MemoryStore
from flextell_sdk.stores.conformance import trial
from flextell_sdk.stores.holding import Holding
from flextell_sdk.tokens import Tokens


class CutsKeys(MemoryStore):
    """The column for the key is too short."""

    def load(self, key: str) -> Tokens | None:
        return super().load(key[:99])

    def _keep(self, key: str, tokens: Tokens | None) -> None:
        super()._keep(key[:99], tokens)


class IgnoresCase(MemoryStore):
    """The key is compared as the database's collation likes."""

    def load(self, key: str) -> Tokens | None:
        return super().load(key.lower())

    def _keep(self, key: str, tokens: Tokens | None) -> None:
        super()._keep(key.lower(), tokens)


class InsertsOnly(MemoryStore):
    """What is there is not updated."""

    def _keep(self, key: str, tokens: Tokens | None) -> None:
        if tokens is None or self.load(key) is None:
            super()._keep(key, tokens)


class DropsAll(MemoryStore):
    """`DELETE` without `WHERE`."""

    def _keep(self, key: str, tokens: Tokens | None) -> None:
        if tokens is None:
            self._tokens.clear()
        super()._keep(key, tokens)


class LosesAField(MemoryStore):
    """A field that came later has no column."""

    def _keep(self, key: str, tokens: Tokens | None) -> None:
        if tokens is not None:
            tokens = Tokens(tokens.access_token, tokens.refresh_token, version=tokens.version)
        super()._keep(key, tokens)


class KnowsNoNew(MemoryStore):
    """Nobody thought of a grant that is new."""

    def load(self, key: str) -> Tokens | None:
        return self._tokens[key]


class CommitsAtTheEnd(MemoryStore):
    """The transaction is committed when the context ends."""

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        changes: list[Tokens | None] = []
        with self._turns.turn(key, wait_seconds):
            yield Holding(partial(self.load, key), changes.append)
            for tokens in changes:
                self._keep(key, tokens)


class Endless(Holding):
    """A hold that can be used for ever."""

    def end(self) -> None:
        pass


class NeverEnds(MemoryStore):
    """Writes on without the lock."""

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        with self._turns.turn(key, wait_seconds):
            yield Endless(partial(self.load, key), partial(self._keep, key))


class NeverLetsGo(MemoryStore):
    """After an exception the lock is still held."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[AbstractContextManager[None]] = []

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        self._held.append(self._turns.turn(key, wait_seconds))
        self._held[-1].__enter__()
        yield Holding(partial(self.load, key), partial(self._keep, key))
        self._held.pop().__exit__(None, None, None)


class SwallowsMistakes(MemoryStore):
    """The caller's exceptions are taken for the store's."""

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        with super().hold(key, wait_seconds) as held, suppress(ArithmeticError):
            yield held


class HoldsNothing(MemoryStore):
    """There is no lock, and a write takes its time."""

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        yield Holding(partial(self.load, key), partial(self._keep, key))

    def _keep(self, key: str, tokens: Tokens | None) -> None:
        time.sleep(0.001)
        super()._keep(key, tokens)


class HoldsAll(MemoryStore):
    """There is one lock for all grants."""

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        with self._turns.turn("all", wait_seconds):
            yield Holding(partial(self.load, key), partial(self._keep, key))


class LoadWaits(MemoryStore):
    """Who reads waits for who writes."""

    def load(self, key: str) -> Tokens | None:
        with self._turns.turn(key, 2 * trial.PATIENCE):
            return super().load(key)

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        with self._turns.turn(key, wait_seconds):
            yield Holding(partial(self._tokens.get, key), partial(self._keep, key))


class ShowsTheOneBefore(MemoryStore):
    """Who holds sees an old snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[str, Tokens | None] = {}

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        with self._turns.turn(key, wait_seconds):
            yield Holding(partial(self._before.get, key), partial(self._keep, key))

    def _keep(self, key: str, tokens: Tokens | None) -> None:
        self._before[key] = self.load(key)
        super()._keep(key, tokens)


class ShowsTokens(MemoryStore):
    """Helps whoever looks for a mistake, or reads the log."""

    def __repr__(self) -> str:
        return f"ShowsTokens({[tokens.access_token for tokens in self._tokens.values()]})"


class HoldsNoFile(FileStore):
    """There is no lock between processes."""

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        yield Holding(partial(self.load, key), partial(self._keep, self._file(key)))


class HoldsByBeingThere(FileStore):
    """Whoever made a folder holds it: there is nobody to remove it after a crash."""

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        lock = self._file(key).with_suffix(".lock")
        try:
            lock.mkdir()
        except FileExistsError:
            raise StoreBusy("It is there.") from None
        yield Holding(partial(self.load, key), partial(self._keep, self._file(key)))
        lock.rmdir()
