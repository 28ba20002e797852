"""Grants, kept until they are ended."""

from flextell.oauth import scopes
from flextell.oauth.model import Grant
from flextell.store.revocations import SqlRevocations
from flextell.store.statement import Effect, Statement
from flextell.store.transaction import Row, Transaction

COLUMNS = "g.grant_id, g.client_id, g.subject, g.scopes, g.created_at, g.ended_at"
_ADD = Statement(
    "INSERT INTO grants (grant_id, client_id, subject, scopes, created_at) "
    "VALUES (:grant_id, :client_id, :subject, :scopes, :created_at)",
    {
        "grant_id": "text",
        "client_id": "text",
        "subject": "text",
        "scopes": "text",
        "created_at": "bigint",
    },
    Effect.WRITES,
    first=True,
)


def grant_of(row: Row) -> Grant:
    """The grant in the columns named by `COLUMNS`."""
    return Grant(row[0], row[1], row[2], scopes.stored(row[3]), row[4], row[5])


class SqlGrants:
    """`port.Grants` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def add(self, grant: Grant) -> None:
        self._sql.add(
            _ADD,
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            subject=grant.subject,
            scopes=scopes.text(grant.scopes),
            created_at=grant.created_at,
        )

    def get(self, grant_id: str) -> Grant | None:
        row = self._sql.one(
            f"SELECT {COLUMNS} FROM grants g WHERE g.grant_id = :grant_id", grant_id=grant_id
        )
        return grant_of(row) if row else None

    def end(self, grant_id: str, reason: str, now: int, forget_at: int) -> bool:
        # Locks the grant's row, for which `RefreshTokens.present` waits or which waits for it.
        ended = self._sql.run(
            "UPDATE grants SET ended_at = :now, end_reason = :reason "
            "WHERE grant_id = :grant_id AND ended_at IS NULL",
            grant_id=grant_id,
            reason=reason,
            now=now,
        )
        if ended:
            SqlRevocations(self._sql).add(grant_id, forget_at, now)
        return ended == 1

    def living(self, *, subject: str | None = None, client_id: str | None = None) -> list[Grant]:
        rows = self._sql.all(
            f"SELECT {COLUMNS} FROM grants g WHERE g.ended_at IS NULL "
            "AND (CAST(:subject AS TEXT) IS NULL OR g.subject = :subject) "
            "AND (CAST(:client_id AS TEXT) IS NULL OR g.client_id = :client_id) "
            "ORDER BY g.created_at, g.grant_id",
            subject=subject,
            client_id=client_id,
        )
        return [grant_of(row) for row in rows]
