"""Delete what nobody needs any more, a few rows at a time."""

from flextell.settings import LONGEST_TOKEN_SECONDS
from flextell.store.transaction import Transaction

# Wrong passwords are counted anew long before this.
THROTTLE_SECONDS = 30 * 24 * 3600

# (table, key, what has had its time). A used code is kept beyond its life to recognise a replay.
_DUE: tuple[tuple[str, str, str], ...] = (
    ("sessions", "digest", "expires_at <= :now"),
    ("throttles", "key", "last_at <= :forgotten AND wait_until <= :now"),
    ("rate_counts", "key, process", "expires_at <= :now"),
    ("revocations", "sequence", "expires_at <= :now"),
    ("codes", "digest", "expires_at <= :replayed"),
    ("signing_keys", "kid", "published_until <= :now"),
)
_ONE_NODE_SWEEPS = 0x666C7803


def sweep(transaction: Transaction, now: int, code_retention_seconds: int, most: int) -> int:
    """Delete up to `most` rows of each table; say how many it was.

    None if another node is sweeping: it does the work for all.
    """
    if not transaction.alone(_ONE_NODE_SWEEPS):
        return 0
    times = {
        "now": now,
        "forgotten": now - THROTTLE_SECONDS,
        "replayed": now - code_retention_seconds,
    }
    swept = sum(
        transaction.run(
            f"DELETE FROM {table} WHERE ({key}) IN "
            f"(SELECT {key} FROM {table} WHERE {due} LIMIT {most})",
            **{name: value for name, value in times.items() if f":{name}" in due},
        )
        for table, key, due in _DUE
    )
    return swept + _sweep_refresh_tokens(transaction, now, most)


def _sweep_refresh_tokens(transaction: Transaction, now: int, most: int) -> int:
    """Delete generations that expired long ago, and the grants of which none is left."""
    rows = transaction.all(
        "DELETE FROM refresh_tokens WHERE digest IN "
        f"(SELECT digest FROM refresh_tokens WHERE expires_at <= :ended LIMIT {most}) "
        "RETURNING grant_id",
        # The grant must be there to be ended as long as one of its access tokens lives.
        ended=now - LONGEST_TOKEN_SECONDS,
    )
    grants = sorted({row[0] for row in rows})
    return len(rows) + sum(_sweep_grant(transaction, grant_id) for grant_id in grants)


def _sweep_grant(transaction: Transaction, grant_id: str) -> int:
    # First take the grant, then look: a generation may be added while we wait for it.
    transaction.one("SELECT 1 FROM grants WHERE grant_id = :grant_id FOR UPDATE", grant_id=grant_id)
    return transaction.run(
        "DELETE FROM grants WHERE grant_id = :grant_id AND NOT EXISTS "
        "(SELECT 1 FROM refresh_tokens t WHERE t.grant_id = :grant_id)",
        grant_id=grant_id,
    )
