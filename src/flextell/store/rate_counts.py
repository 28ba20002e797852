"""Counts of requests, each process's own, kept where all that share the database see them.

A process writes no row but its own, so nobody waits for anybody, and telling a count twice, as
after an answer that was lost, is telling it once.
"""

from collections.abc import Sequence

from flextell.store.port import RateCount
from flextell.store.transaction import Transaction

_ALL_AT_ONCE = """
WITH told AS (
    INSERT INTO rate_counts (key, process, count, expires_at)
    SELECT key, CAST(:process AS BYTEA), count, expires_at FROM unnest(
        CAST(:keys AS BYTEA[]), CAST(:counts AS BIGINT[]), CAST(:ends AS BIGINT[])
    ) AS telling (key, count, expires_at)
    ON CONFLICT (key, process)
    DO UPDATE SET count = greatest(rate_counts.count, excluded.count)
)
SELECT key, CAST(sum(count) AS BIGINT) FROM rate_counts
WHERE key = ANY(CAST(:keys AS BYTEA[])) AND process <> :process GROUP BY key
"""


class SqlRateCounts:
    """`port.RateCounts` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def exchange(self, process: bytes, counts: Sequence[RateCount]) -> dict[bytes, int]:
        if not self._sql.locks_rows:
            return {item.key: heard for item in counts if (heard := self._tell(process, item))}
        rows = self._sql.all(
            _ALL_AT_ONCE,
            process=process,
            keys=[item.key for item in counts],
            counts=[item.count for item in counts],
            ends=[item.expires_at for item in counts],
        )
        return dict(rows)

    def _tell(self, process: bytes, item: RateCount) -> int:
        self._sql.run(
            "INSERT INTO rate_counts (key, process, count, expires_at) "
            "VALUES (:key, :process, :count, :expires_at) ON CONFLICT (key, process) "
            "DO UPDATE SET count = max(count, excluded.count)",
            key=item.key,
            process=process,
            count=item.count,
            expires_at=item.expires_at,
        )
        row = self._sql.one(
            "SELECT sum(count) FROM rate_counts WHERE key = :key AND process <> :process",
            key=item.key,
            process=process,
        )
        return int(row[0] or 0) if row else 0
