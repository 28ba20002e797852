"""Channels, kept with their secrets sealed. A statement of a tenant names it."""

from flextell.store import listing
from flextell.store.listing import Column, Listing, Part
from flextell.store.transaction import Row, Transaction
from flextell.tenants.channels import Channel, ChannelQuery, ChannelWish, SealedSecret
from flextell.tenants.model import OutsideTenant
from flextell.tenants.paging import Found

_SHOWN = (
    "c.channel_id, c.tenant_id, c.type, c.name, c.address, c.webhook_url, c.webhook_off_at, "
    "c.is_active, c.created_at, c.updated_at, c.secret, c.secret_before, c.secret_before_until"
)
_LIST = Listing(
    source="channels c",
    within="c.tenant_id = :tenant_id",
    row_id="c.channel_id",
    columns=_SHOWN,
    sorts={"created_at": Column("c.created_at")},
    filters={"type": "c.type = :type"},
)
_BY_ID = f"SELECT {_SHOWN} FROM channels c WHERE c.channel_id = :channel_id"
_ONE = "WHERE tenant_id = :tenant_id AND channel_id = :channel_id"


class SqlChannels:
    """`port.Channels` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def get(self, tenant_id: int, channel_id: int) -> Channel | None:
        row = self._sql.one(
            f"{_BY_ID} AND c.tenant_id = :tenant_id", tenant_id=tenant_id, channel_id=channel_id
        )
        return None if row is None else _channel(row)

    def by_id(self, channel_id: int) -> Channel | None:
        row = self._sql.one(_BY_ID, channel_id=channel_id)
        return None if row is None else _channel(row)

    def any_secret(self) -> bool:
        return bool(self._sql.all("SELECT 1 FROM channels WHERE secret IS NOT NULL LIMIT 1"))

    def find(self, tenant_id: int, query: ChannelQuery) -> Found[Channel]:
        part = Part("created_at", "asc", query.window, {"type": query.type})
        found = listing.find(self._sql, _LIST, part, tenant_id=tenant_id)
        return Found(tuple(map(_channel, found.rows)), found.next, found.total)

    def add(self, tenant_id: int, wish: ChannelWish, now: int) -> int:
        rows = self._sql.all(
            "INSERT INTO channels (tenant_id, type, name, address, webhook_url, is_active, "
            "created_at, updated_at) SELECT t.tenant_id, :type, :name, :address, :webhook_url, 1, "
            ":now, :now FROM tenants t WHERE t.tenant_id = :tenant_id RETURNING channel_id",
            tenant_id=tenant_id,
            type=wish.type,
            name=wish.name,
            address=wish.address,
            webhook_url=wish.webhook_url,
            now=now,
        )
        if not rows:
            raise OutsideTenant
        return int(rows[0][0])

    def put_secret(self, tenant_id: int, channel_id: int, secret: SealedSecret, now: int) -> None:
        self._sql.run(
            "UPDATE channels SET secret = :current, secret_before = :before, "
            f"secret_before_until = :until, updated_at = :now {_ONE}",
            tenant_id=tenant_id,
            channel_id=channel_id,
            current=secret.current,
            before=secret.before,
            until=secret.before_until,
            now=now,
        )

    def set_webhook(self, tenant_id: int, channel_id: int, url: str | None, now: int) -> None:
        self._sql.run(
            f"UPDATE channels SET webhook_url = :url, webhook_off_at = NULL, updated_at = :now "
            f"{_ONE}",
            tenant_id=tenant_id,
            channel_id=channel_id,
            url=url,
            now=now,
        )

    def switch_webhook_off(self, tenant_id: int, channel_id: int, url: str, now: int) -> None:
        self._sql.run(
            f"UPDATE channels SET webhook_off_at = :now, updated_at = :now {_ONE} "
            "AND webhook_url = :url AND webhook_off_at IS NULL",
            tenant_id=tenant_id,
            channel_id=channel_id,
            url=url,
            now=now,
        )


def _channel(row: Row) -> Channel:
    channel_id, tenant_id, kind, name, address, url, off_at, active, created, updated = row[:10]
    return Channel(
        channel_id=channel_id,
        tenant_id=tenant_id,
        type=kind,
        name=name,
        address=address,
        webhook_url=url,
        secret=_secret(row[10:]),
        is_active=bool(active),
        created_at=created,
        updated_at=updated,
        webhook_off_at=off_at,
    )


def _secret(row: Row) -> SealedSecret | None:
    current, before, until = row
    if current is None:
        return None
    return SealedSecret(bytes(current), None if before is None else bytes(before), until or 0)
