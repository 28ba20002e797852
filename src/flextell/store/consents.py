"""Consents, remembered."""

from flextell.oauth import scopes
from flextell.oauth.model import Consent
from flextell.store.statement import Statement
from flextell.store.transaction import Transaction

_GET = Statement(
    "SELECT scopes, answered_at FROM consents WHERE subject = :subject AND client_id = :client_id",
    {"subject": "text", "client_id": "text"},
)


class SqlConsents:
    """`port.Consents` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def get(self, subject: str, client_id: str) -> Consent | None:
        row = self._sql.one(_GET, subject=subject, client_id=client_id)
        return Consent(subject, client_id, scopes.stored(row[0]), row[1]) if row else None

    def put(self, consent: Consent) -> None:
        self._sql.run(
            "INSERT INTO consents (subject, client_id, scopes, answered_at) "
            "VALUES (:subject, :client_id, :scopes, :answered_at) "
            "ON CONFLICT (subject, client_id) DO UPDATE "
            "SET scopes = excluded.scopes, answered_at = excluded.answered_at",
            subject=consent.subject,
            client_id=consent.client_id,
            scopes=scopes.text(consent.scopes),
            answered_at=consent.answered_at,
        )

    def forget(self, subject: str, client_id: str) -> None:
        self._sql.run(
            "DELETE FROM consents WHERE subject = :subject AND client_id = :client_id",
            subject=subject,
            client_id=client_id,
        )
