"""Counts of wrong passwords, kept where every node sees them."""

from collections.abc import Mapping, Sequence
from zlib import crc32

from flextell.accounts.throttle import Count, Key
from flextell.store.transaction import Transaction

_COUNTING = 0x666C7804 << 32  # and 32 bits of the key's name: apart from the other locks


def _lock(key: Key) -> int:
    return _COUNTING + crc32(key.text.encode("utf-8", "surrogatepass"))


class SqlThrottles:
    """`port.Throttles` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def counts(self, keys: Sequence[Key]) -> dict[Key, Count]:
        return {key: self._count(key) for key in keys}

    def hold(self, keys: Sequence[Key]) -> dict[Key, Count]:
        # A key that was never counted has no row to lock, so its name is locked. In the order of
        # the locks, not of the names: two units that hold the same keys cannot deadlock.
        for lock in sorted({_lock(key) for key in keys}):
            self._sql.serialise(lock)
        return self.counts(keys)

    def _count(self, key: Key) -> Count:
        row = self._sql.one(
            "SELECT failures, last_at, wait_until FROM throttles WHERE key = :key", key=key.text
        )
        return Count(*row) if row else Count()

    def put(self, counts: Mapping[Key, Count]) -> None:
        for key, count in sorted(counts.items(), key=lambda item: item[0].text):
            self._sql.run(
                "INSERT INTO throttles (key, failures, last_at, wait_until) "
                "VALUES (:key, :failures, :last_at, :wait_until) "
                "ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, "
                "last_at = excluded.last_at, wait_until = excluded.wait_until",
                key=key.text,
                failures=count.failures,
                last_at=count.last_at,
                wait_until=count.wait_until,
            )

    def forget(self, keys: Sequence[Key]) -> None:
        for key in keys:
            self._sql.run("DELETE FROM throttles WHERE key = :key", key=key.text)
