"""Refresh tokens, kept: one row a generation, never changed but to note receipt.

That a token was used is not written anywhere: it shows in the row of the next generation. So
a rotation is one insert, and two of them cannot both succeed.
"""

from collections.abc import Iterable

from flextell.oauth import scopes
from flextell.oauth.grants.refresh_token import Presented
from flextell.oauth.model import Digest, RefreshToken
from flextell.store.grants import COLUMNS as GRANT_COLUMNS
from flextell.store.grants import grant_of
from flextell.store.statement import Effect, Statement
from flextell.store.transaction import Row, Transaction

_COLUMNS = (
    "digest, grant_id, generation, issued_at, expires_at, access_scopes, access_expires_at, "
    "sealed, received_at"
)
_T = ", ".join(f"t.{column.strip()}" for column in _COLUMNS.split(","))
_TAKE = Statement(
    f"SELECT {_T}, {GRANT_COLUMNS} FROM refresh_tokens t "
    "JOIN grants g ON g.grant_id = t.grant_id "
    "WHERE t.digest = :digest FOR NO KEY UPDATE OF g",
    {"digest": "bytea"},
    Effect.CLAIMS,
    claims=1,  # t.grant_id
)
_AFTER = Statement(
    f"SELECT {_T} FROM refresh_tokens p JOIN refresh_tokens t ON t.grant_id = p.grant_id "
    "AND t.generation > p.generation AND t.generation <= p.generation + 2 "
    "WHERE p.digest = :digest ORDER BY t.generation",
    {"digest": "bytea"},
)
_PUT = Statement(
    f"INSERT INTO refresh_tokens ({_COLUMNS}) VALUES (:digest, :grant_id, :generation, "
    ":issued_at, :expires_at, :access_scopes, :access_expires_at, :sealed, :received_at)",
    {
        "digest": "bytea",
        "grant_id": "text",
        "generation": "bigint",
        "issued_at": "bigint",
        "expires_at": "bigint",
        "access_scopes": "text",
        "access_expires_at": "bigint",
        "sealed": "bytea",
        "received_at": "bigint",
    },
    Effect.WRITES,
)
_NOTE_RECEIVED = Statement(
    "UPDATE refresh_tokens SET received_at = :now WHERE grant_id = :grant_id "
    "AND generation = :generation AND received_at IS NULL",
    {"grant_id": "text", "generation": "bigint", "now": "bigint"},
    Effect.WRITES,
)


def _token(row: Row) -> RefreshToken:
    return RefreshToken(
        digest=Digest(row[0]),
        grant_id=row[1],
        generation=row[2],
        issued_at=row[3],
        expires_at=row[4],
        access_scopes=scopes.stored(row[5]),
        access_expires_at=row[6],
        sealed=row[7],
        received_at=row[8],
    )


class SqlRefreshTokens:
    """`port.RefreshTokens` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def present(self, digest: Digest) -> Presented | None:
        # First take the grant, then look at what came after the token: in PostgreSQL a statement
        # that waited for a lock still sees the other tables as they were before it waited.
        values = {"digest": digest}
        taken, after = self._sql.several((_TAKE, values), (_AFTER, values))
        if not taken:
            return None
        token, grant = _token(taken[0]), grant_of(taken[0][9:])
        if not after:
            return Presented(token, grant)
        successor = _token(after[0])
        return Presented(
            token,
            grant,
            successor=successor,
            successor_used=len(after) > 1,
            seen=successor.received_at is not None,
        )

    def put(self, token: RefreshToken) -> None:
        self._sql.add(
            _PUT,
            digest=token.digest,
            grant_id=token.grant_id,
            generation=token.generation,
            issued_at=token.issued_at,
            expires_at=token.expires_at,
            access_scopes=scopes.text(token.access_scopes),
            access_expires_at=token.access_expires_at,
            sealed=token.sealed,
            received_at=token.received_at,
        )

    def note_received(self, seen: Iterable[tuple[str, int]], now: int) -> None:
        # In one order everywhere, so that two nodes noting the same rows cannot deadlock.
        self._sql.each(
            _NOTE_RECEIVED,
            (
                {"grant_id": grant_id, "generation": generation, "now": now}
                for grant_id, generation in sorted(seen)
            ),
        )
