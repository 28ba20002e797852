"""Authorization codes, kept; claimed by exactly one caller."""

from flextell.oauth import scopes
from flextell.oauth.grants.authorization_code import ClaimedCode
from flextell.oauth.model import AuthorizationCode, Digest
from flextell.store.statement import Effect, Statement
from flextell.store.transaction import Row, Transaction

_COLUMNS = (
    "digest, grant_id, client_id, subject, redirect_uri, scopes, code_challenge, nonce, "
    "auth_time, expires_at"
)
_PUT = Statement(
    f"INSERT INTO codes ({_COLUMNS}) VALUES (:digest, :grant_id, :client_id, :subject, "
    ":redirect_uri, :scopes, :code_challenge, :nonce, :auth_time, :expires_at)",
    {
        "digest": "bytea",
        "grant_id": "text",
        "client_id": "text",
        "subject": "text",
        "redirect_uri": "text",
        "scopes": "text",
        "code_challenge": "text",
        "nonce": "text",
        "auth_time": "bigint",
        "expires_at": "bigint",
    },
    Effect.WRITES,
)
# The condition and the change are one statement: the database says who was first.
_CLAIM = Statement(
    "UPDATE codes SET used_at = :now WHERE digest = :digest AND used_at IS NULL "
    f"RETURNING {_COLUMNS}",
    {"digest": "bytea", "now": "bigint"},
    Effect.WRITES,
)
_GET = Statement(f"SELECT {_COLUMNS} FROM codes WHERE digest = :digest", {"digest": "bytea"})


def _code(row: Row) -> AuthorizationCode:
    return AuthorizationCode(
        digest=Digest(row[0]),
        grant_id=row[1],
        client_id=row[2],
        subject=row[3],
        redirect_uri=row[4],
        scopes=scopes.stored(row[5]),
        code_challenge=row[6],
        nonce=row[7],
        auth_time=row[8],
        expires_at=row[9],
    )


class SqlCodes:
    """`port.Codes` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def put(self, code: AuthorizationCode) -> None:
        self._sql.add(
            _PUT,
            digest=code.digest,
            grant_id=code.grant_id,
            client_id=code.client_id,
            subject=code.subject,
            redirect_uri=code.redirect_uri,
            scopes=scopes.text(code.scopes),
            code_challenge=code.code_challenge,
            nonce=code.nonce,
            auth_time=code.auth_time,
            expires_at=code.expires_at,
        )

    def claim(self, digest: Digest, now: int) -> ClaimedCode | None:
        row = self._sql.one(_CLAIM, digest=digest, now=now)
        if row:
            return ClaimedCode(_code(row), first=True)
        row = self._sql.one(_GET, digest=digest)
        return ClaimedCode(_code(row), first=False) if row else None

    def forget(self, *, subject: str | None = None, client_id: str | None = None) -> None:
        self._sql.run(
            "DELETE FROM codes WHERE used_at IS NULL "
            "AND (CAST(:subject AS TEXT) IS NULL OR subject = :subject) "
            "AND (CAST(:client_id AS TEXT) IS NULL OR client_id = :client_id)",
            subject=subject,
            client_id=client_id,
        )
