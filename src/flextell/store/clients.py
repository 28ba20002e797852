"""Clients, kept."""

from functools import lru_cache

import orjson

from flextell.oauth import scopes
from flextell.oauth.model import Client, Digest
from flextell.store.statement import Statement
from flextell.store.transaction import Row, Transaction

_COLUMNS = (
    "client_id, name, redirect_uris, scopes, default_scopes, secret_digest, publisher, "
    "homepage_url, require_pkce, may_introspect, created_at"
)
_GET = Statement(
    f"SELECT {_COLUMNS} FROM clients WHERE client_id = :client_id AND deleted_at IS NULL",
    {"client_id": "text"},
)


# The same few rows are read all the time.
@lru_cache(maxsize=1024)
def _client(row: Row) -> Client:
    return Client(
        client_id=row[0],
        name=row[1],
        redirect_uris=tuple(orjson.loads(row[2])),
        scopes=scopes.stored(row[3]),
        default_scopes=scopes.stored(row[4]),
        secret_digest=None if row[5] is None else Digest(row[5]),
        publisher=row[6],
        homepage_url=row[7],
        require_pkce=bool(row[8]),
        may_introspect=bool(row[9]),
        created_at=row[10],
    )


class SqlClients:
    """`port.Clients` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def get(self, client_id: str) -> Client | None:
        row = self._sql.one(_GET, client_id=client_id)
        return _client(row) if row else None

    def all(self) -> list[Client]:
        rows = self._sql.all(
            f"SELECT {_COLUMNS} FROM clients WHERE deleted_at IS NULL "
            "ORDER BY created_at, client_id"
        )
        return [_client(row) for row in rows]

    def add(self, client: Client) -> None:
        self._sql.run(
            f"INSERT INTO clients ({_COLUMNS}) VALUES (:client_id, :name, :redirect_uris, :scopes, "
            ":default_scopes, :secret_digest, :publisher, :homepage_url, :require_pkce, "
            ":may_introspect, :created_at)",
            client_id=client.client_id,
            name=client.name,
            redirect_uris=orjson.dumps(client.redirect_uris).decode(),
            scopes=scopes.text(client.scopes),
            default_scopes=scopes.text(client.default_scopes),
            secret_digest=client.secret_digest,
            publisher=client.publisher,
            homepage_url=client.homepage_url,
            require_pkce=int(client.require_pkce),
            may_introspect=int(client.may_introspect),
            created_at=client.created_at,
        )

    def replace_secret(self, client_id: str, secret_digest: Digest) -> bool:
        changed = self._sql.run(
            "UPDATE clients SET secret_digest = :secret_digest WHERE client_id = :client_id "
            "AND deleted_at IS NULL AND secret_digest IS NOT NULL",
            client_id=client_id,
            secret_digest=secret_digest,
        )
        return changed == 1

    def delete(self, client_id: str, now: int) -> bool:
        changed = self._sql.run(
            "UPDATE clients SET deleted_at = :now WHERE client_id = :client_id "
            "AND deleted_at IS NULL",
            client_id=client_id,
            now=now,
        )
        return changed == 1
