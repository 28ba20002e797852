"""A store in memory that tells what was kept in it, and fails or is disturbed when told to."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flextell_sdk.errors import StoreDamaged, StoreError
from flextell_sdk.stores.memory import MemoryStore
from flextell_sdk.stores.protocol import Held
from flextell_sdk.tokens import Tokens

Step = Callable[[], object]


class WatchedStore:
    """`TokenStore` over a `MemoryStore`.

    `kept` is every state that was ever kept, oldest first. The next `replace`s meet the steps of
    `before_replace` and `after_replace`, one each. `after_load` is called with what was read,
    before the reader has it; `when_held` and `when_let_go` as a hold begins and ends. While it
    `is_damaged` nothing can be read; what is kept then mends it.
    """

    def __init__(self) -> None:
        self._inner = MemoryStore()
        self.kept: list[Tokens | None] = []
        self.before_replace: deque[Step] = deque()
        self.after_replace: deque[Step] = deque()
        self.is_damaged = False
        self.after_load: Callable[[Tokens | None], object] = lambda found: None
        self.when_held: Step = lambda: None
        self.when_let_go: Step = lambda: None

    def load(self, key: str) -> Tokens | None:
        self.check()
        found = self._inner.load(key)
        self.after_load(found)
        return found

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        with self._inner.hold(key, wait_seconds) as held:
            self.when_held()
            try:
                yield WatchedHeld(held, self)
            finally:
                self.when_let_go()

    def check(self) -> None:
        """Raises StoreDamaged if that is what it is."""
        if self.is_damaged:
            raise StoreDamaged("The stored tokens are cut short.")

    def access_tokens(self) -> set[str]:
        """All that were ever kept."""
        return {tokens.access_token for tokens in self.kept if tokens} - {""}


class WatchedHeld:
    """`Held` of a `WatchedStore`."""

    def __init__(self, inner: Held, store: WatchedStore) -> None:
        self._inner = inner
        self._store = store

    @property
    def tokens(self) -> Tokens | None:
        self._store.check()
        return self._inner.tokens

    def replace(self, tokens: Tokens | None) -> None:
        _next(self._store.before_replace)
        self._inner.replace(tokens)
        self._store.is_damaged = False
        self._store.kept.append(tokens)
        _next(self._store.after_replace)


def disk_full() -> None:
    """A step on which the store fails."""
    raise StoreError("The disk is full.")


def _next(steps: deque[Step]) -> None:
    if steps:
        steps.popleft()()
