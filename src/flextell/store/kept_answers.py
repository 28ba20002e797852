"""Answers to requests that carried an Idempotency-Key, kept."""

from flextell.store.port import KeptAnswer
from flextell.store.transaction import Transaction


class SqlKeptAnswers:
    """`port.KeptAnswers` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def claim(
        self, name: bytes, fingerprint: bytes, now: int, expires_at: int
    ) -> KeptAnswer | None:
        # Whoever comes second waits here until the first has ended, and then finds its answer.
        claimed = self._sql.run(
            "INSERT INTO kept_answers (name, fingerprint, expires_at) "
            "VALUES (:name, :fingerprint, :expires_at) ON CONFLICT (name) DO UPDATE "
            "SET fingerprint = excluded.fingerprint, expires_at = excluded.expires_at "
            "WHERE kept_answers.expires_at <= :now",
            name=name,
            fingerprint=fingerprint,
            expires_at=expires_at,
            now=now,
        )
        if claimed:
            return None
        [row] = self._sql.all(
            "SELECT fingerprint, status, location, body FROM kept_answers WHERE name = :name",
            name=name,
        )
        return KeptAnswer(bytes(row[0]), row[1], row[2], bytes(row[3]))

    def keep(self, name: bytes, status: int, location: str | None, body: bytes) -> None:
        self._sql.run(
            "UPDATE kept_answers SET status = :status, location = :location, body = :body "
            "WHERE name = :name",
            name=name,
            status=status,
            location=location,
            body=body,
        )
