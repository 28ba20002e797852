"""The news of what is over, kept until nobody could still use it."""

from collections.abc import Sequence

from flextell.store.port import Revocation
from flextell.store.statement import Statement
from flextell.store.transaction import Transaction

# Numbers must become visible in their order, or a node that has read 8 would never see 7.
_ONE_AT_A_TIME = 0x666C7801
_IS_OVER = Statement("SELECT 1 FROM revocations WHERE name = :name LIMIT 1", {"name": "text"})


class SqlRevocations:
    """`port.Revocations` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def add(self, name: str, expires_at: int, now: int) -> None:
        self._sql.serialise(_ONE_AT_A_TIME)
        self._sql.run(
            "INSERT INTO revocations (name, created_at, expires_at) "
            "VALUES (:name, :now, :expires_at)",
            name=name,
            expires_at=expires_at,
            now=now,
        )

    def since(self, sequence: int, most: int | None = None) -> list[Revocation]:
        limit = "" if most is None else f" LIMIT {most:d}"
        rows = self._sql.all(
            "SELECT sequence, name, expires_at FROM revocations WHERE sequence > :sequence "
            f"ORDER BY sequence{limit}",
            sequence=sequence,
        )
        return [Revocation(*row) for row in rows]

    def any_of(self, names: Sequence[str]) -> bool:
        return any(self._sql.one(_IS_OVER, name=name) for name in names)
