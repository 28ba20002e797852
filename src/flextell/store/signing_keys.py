"""Signing keys, kept with their private halves sealed."""

import orjson

from flextell.oauth.keys import KeyRecord
from flextell.store.transaction import Row, Transaction

_COLUMNS = (
    "kid, purpose, algorithm, sealed_private, public_jwk, created_at, active_from, published_until"
)
_ONE_NODE_MAKES_KEYS = 0x666C7802


def _record(row: Row) -> KeyRecord:
    kid, purpose, algorithm, sealed, public_jwk, created_at, active_from, published_until = row
    return KeyRecord(
        kid,
        purpose,
        algorithm,
        bytes(sealed),
        orjson.loads(public_jwk),
        created_at,
        active_from,
        published_until,
    )


class SqlSigningKeys:
    """`port.SigningKeys` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def all(self) -> list[KeyRecord]:
        rows = self._sql.all(f"SELECT {_COLUMNS} FROM signing_keys ORDER BY created_at, kid")
        return [_record(row) for row in rows]

    def hold(self) -> None:
        self._sql.serialise(_ONE_NODE_MAKES_KEYS)

    def add(self, record: KeyRecord) -> None:
        self._sql.run(
            f"INSERT INTO signing_keys ({_COLUMNS}) VALUES (:kid, :purpose, :algorithm, "
            ":sealed_private, :public_jwk, :created_at, :active_from, :published_until)",
            kid=record.kid,
            purpose=record.purpose,
            algorithm=record.algorithm,
            sealed_private=record.sealed_private,
            public_jwk=orjson.dumps(record.public_jwk).decode(),
            created_at=record.created_at,
            active_from=record.active_from,
            published_until=record.published_until,
        )

    def retire(self, kid: str, published_until: int) -> None:
        self._sql.run(
            "UPDATE signing_keys SET published_until = :published_until WHERE kid = :kid",
            kid=kid,
            published_until=published_until,
        )
