"""Deliveries to webhooks, kept until a while after they ended. A lease is a later `next_at`."""

from flextell.store.transaction import Transaction
from flextell.tenants.deliveries import Delivery, End

# From tenant to tenant by the index: how much waits for one of them does not matter to others.
WAITING = """
WITH RECURSIVE theirs (tenant_id) AS (
    SELECT min(d.tenant_id) FROM deliveries d WHERE d.ended_at IS NULL
    UNION ALL
    SELECT (SELECT min(d.tenant_id) FROM deliveries d
            WHERE d.ended_at IS NULL AND d.tenant_id > theirs.tenant_id)
    FROM theirs WHERE theirs.tenant_id IS NOT NULL
), first (tenant_id, next_at) AS (
    SELECT theirs.tenant_id, (SELECT min(d.next_at) FROM deliveries d
                              WHERE d.ended_at IS NULL AND d.tenant_id = theirs.tenant_id)
    FROM theirs WHERE theirs.tenant_id IS NOT NULL
)
SELECT tenant_id FROM first WHERE next_at <= :now ORDER BY next_at, tenant_id LIMIT :most
"""
_DUE = """
SELECT d.delivery_id, d.tenant_id, d.channel_id, d.kind, d.body, d.attempts + 1, d.created_at
FROM deliveries d WHERE d.tenant_id = :tenant_id AND d.ended_at IS NULL AND d.next_at <= :now
ORDER BY d.next_at, d.delivery_id LIMIT :most FOR UPDATE OF d SKIP LOCKED
"""
_OURS = "WHERE tenant_id = :tenant_id AND delivery_id = :delivery_id AND ended_at IS NULL"


class SqlDeliveries:
    """`port.Deliveries` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def add(self, tenant_id: int, channel_id: int, kind: str, body: str, now: int) -> int | None:
        rows = self._sql.all(
            "INSERT INTO deliveries (tenant_id, channel_id, kind, body, attempts, next_at, "
            "created_at) SELECT c.tenant_id, c.channel_id, :kind, :body, 0, :now, :now "
            "FROM channels c WHERE c.tenant_id = :tenant_id AND c.channel_id = :channel_id "
            "AND c.is_active = 1 AND c.webhook_url IS NOT NULL AND c.webhook_off_at IS NULL "
            "RETURNING delivery_id",
            tenant_id=tenant_id,
            channel_id=channel_id,
            kind=kind,
            body=body,
            now=now,
        )
        return int(rows[0][0]) if rows else None

    def waiting(self, now: int, most: int) -> list[int]:
        return [row[0] for row in self._sql.all(WAITING, now=now, most=most)]

    def lease(self, tenant_id: int, now: int, most: int, until: int) -> list[Delivery]:
        rows = self._sql.all(_DUE, tenant_id=tenant_id, now=now, most=most)
        for row in rows:
            self._sql.run(
                f"UPDATE deliveries SET next_at = :until, attempts = attempts + 1 {_OURS}",
                tenant_id=tenant_id,
                delivery_id=row[0],
                until=until,
            )
        return [Delivery(*row) for row in rows]

    def again(self, delivery: Delivery, status: int | None, next_at: int) -> None:
        self._sql.run(
            "UPDATE deliveries SET next_at = :next_at, last_status = :status "
            f"{_OURS} AND attempts = :attempts",
            tenant_id=delivery.tenant_id,
            delivery_id=delivery.delivery_id,
            attempts=delivery.attempts,
            status=status,
            next_at=next_at,
        )

    def end(self, delivery: Delivery, end: End, status: int | None, now: int) -> None:
        self._sql.run(
            "UPDATE deliveries SET ended_at = :now, ended = :ended, last_status = :status "
            f"{_OURS} AND (attempts = :attempts OR :ended = 'done')",
            tenant_id=delivery.tenant_id,
            delivery_id=delivery.delivery_id,
            attempts=delivery.attempts,
            ended=end.value,
            status=status,
            now=now,
        )
