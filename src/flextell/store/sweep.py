"""Delete what nobody needs any more: a few rows at a time, the oldest first.

Whoever deletes holds a lock of the database until its transaction ends, so one node works at a
time and the others leave it alone. The lock ends with the transaction, and the transaction with
the node or its connection: when a sweeper dies the next one to ask goes on, and nobody has to
notice.
"""

import json
from collections.abc import Iterable

from flextell.settings import LONGEST_TOKEN_SECONDS
from flextell.store.transaction import Transaction, among
from flextell.tenants.deliveries import KEPT_SECONDS

# Wrong passwords are counted anew long before this.
THROTTLE_SECONDS = 30 * 24 * 3600

# (table, the column that orders it, what has had its time). A used code is kept beyond its life
# to recognise a replay.
_DUE: tuple[tuple[str, str, str], ...] = (
    ("sessions", "expires_at", "expires_at <= :now"),
    ("throttles", "last_at", "last_at <= :forgotten AND wait_until <= :now"),
    ("kept_answers", "expires_at", "expires_at <= :now"),
    ("rate_counts", "expires_at", "expires_at <= :now"),
    ("codes", "expires_at", "expires_at <= :replayed"),
    ("deliveries", "ended_at", "ended_at <= :delivered"),
    ("signing_keys", "published_until", "published_until <= :now"),
)
# A list of names in a form that both databases read: the keys of a JSON object.
_NAMES = "SELECT key FROM json_each(:names)"
_ONE_NODE_SWEEPS = 0x666C7803


def sweep(transaction: Transaction, now: int, code_retention_seconds: int, most: int) -> int:
    """Delete up to `most` rows of each table; say how many it was.

    None if another node is sweeping: it does the work for all.
    """
    if not transaction.alone(_ONE_NODE_SWEEPS):
        return 0
    _answer_to_nobody(transaction)
    times = {
        "now": now,
        "forgotten": now - THROTTLE_SECONDS,
        "replayed": now - code_retention_seconds,
        "delivered": now - KEPT_SECONDS,
    }
    swept = sum(
        transaction.run(
            _delete(transaction, table, order, due, most),
            **{name: value for name, value in times.items() if f":{name}" in due},
        )
        for table, order, due in _DUE
    )
    swept += _sweep_generations(transaction, now, most)
    return swept + _sweep_ended(transaction, now, most)


def _answer_to_nobody(transaction: Transaction) -> None:
    """A crash may bring back what was deleted a moment ago, so nobody waits for the disk."""
    if transaction.locks_rows:
        transaction.run("SET LOCAL synchronous_commit TO off")


def _place(transaction: Transaction) -> str:
    return "ctid" if transaction.locks_rows else "rowid"


def _delete(transaction: Transaction, table: str, order: str, due: str, most: int) -> str:
    """The statement that deletes the oldest `most` rows that are due, found by where they lie."""
    place = _place(transaction)
    oldest = f"SELECT {place} FROM {table} WHERE {due} ORDER BY {order} LIMIT {most}"
    # What is due is asked again of a row that somebody changed while we waited for it.
    return f"DELETE FROM {table} WHERE {among(transaction, place, oldest)} AND {due}"


def _sweep_generations(transaction: Transaction, now: int, most: int) -> int:
    """Delete generations that expired long ago, and the grants of which none is left."""
    due = "expires_at <= :expired"
    rows = transaction.all(
        f"{_delete(transaction, 'refresh_tokens', 'expires_at', due, most)} RETURNING grant_id",
        # The grant must be there to be ended as long as one of its access tokens lives.
        expired=now - LONGEST_TOKEN_SECONDS,
    )
    return len(rows) + _sweep_grants(transaction, {row[0] for row in rows})


def _sweep_grants(transaction: Transaction, grant_ids: Iterable[str]) -> int:
    """Delete those of these grants of which no generation is left."""
    names = _object(grant_ids)
    empty = (
        f"{among(transaction, 'g.grant_id', _NAMES)} "
        "AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.grant_id)"
    )
    # First take the grants, then look: a generation may be added while we wait for one.
    taken = transaction.all(
        f"SELECT 1 FROM grants g WHERE {empty} ORDER BY g.grant_id FOR UPDATE OF g", names=names
    )
    return transaction.run(f"DELETE FROM grants AS g WHERE {empty}", names=names) if taken else 0


def _object(names: Iterable[str]) -> str:
    return json.dumps(dict.fromkeys(names))


def _sweep_ended(transaction: Transaction, now: int, most: int) -> int:
    """Delete news that nobody needs, and what is left of the grants that it is about.

    A grant that was ended and whose last access token has expired is nothing that anybody could
    still use or end: its refresh tokens are refused with it as they are without it.
    """
    oldest = (
        f"SELECT name FROM revocations WHERE expires_at <= :now ORDER BY expires_at LIMIT {most}"
    )
    rows = transaction.all(
        f"SELECT g.grant_id FROM grants g WHERE {among(transaction, 'g.grant_id', oldest)} "
        "AND g.ended_at IS NOT NULL",
        now=now,
    )
    grant_ids = [row[0] for row in rows]
    swept = _sweep_tokens_of(transaction, grant_ids, most) if grant_ids else 0
    # News of a grant that is not gone yet is what leads us to it the next time.
    gone = "(SELECT g.ended_at FROM grants g WHERE g.grant_id = revocations.name) IS NULL"
    due = f"expires_at <= :now AND {gone}"
    news = _delete(transaction, "revocations", "expires_at", due, most)
    return swept + transaction.run(news, now=now)


def _sweep_tokens_of(transaction: Transaction, grant_ids: Iterable[str], most: int) -> int:
    place = _place(transaction)
    theirs = (
        f"SELECT t.{place} FROM refresh_tokens t "
        f"WHERE {among(transaction, 't.grant_id', _NAMES)} LIMIT {most}"
    )
    swept = transaction.run(
        f"DELETE FROM refresh_tokens WHERE {among(transaction, place, theirs)}",
        names=_object(grant_ids),
    )
    return swept + _sweep_grants(transaction, grant_ids)
