"""Customers who are blocked on a channel, kept. Every statement here names the tenant."""

from typing import Any

import orjson

from flextell.store import listing
from flextell.store.listing import Column, Listing, Part
from flextell.store.transaction import Row, Transaction
from flextell.tenants.blacklists import (
    Block,
    BlockedAlready,
    BlockedChannel,
    BlockedCustomer,
    BlockQuery,
    BlockTerms,
    Metadata,
    in_force,
)
from flextell.tenants.model import OutsideTenant
from flextell.tenants.paging import Found

BLOCK = (
    "b.block_id, b.reason, b.note, b.expires_at, b.is_active, b.metadata, b.dropped, "
    "b.created_at, b.updated_at"
)
IN_FORCE = "b.is_active = 1 AND (b.expires_at IS NULL OR b.expires_at > :now)"

_SHOWN = (
    "ch.channel_id, ch.name, ch.address, "
    f"c.customer_id, c.first_name, c.last_name, c.phone_number, c.email, {BLOCK}"
)
_JOINS = (
    "JOIN channels ch ON ch.channel_id = b.channel_id "
    "JOIN customers c ON c.customer_id = b.customer_id"
)
_GET = (
    f"SELECT {_SHOWN} FROM channel_blacklists b {_JOINS} "
    "WHERE b.tenant_id = :tenant_id AND b.block_id = :block_id"
)
_LIST = Listing(
    source="channel_blacklists b",
    within="b.tenant_id = :tenant_id",
    row_id="b.block_id",
    columns=_SHOWN,
    joins=_JOINS,
    sorts={"block_id": Column("b.block_id")},
    filters={
        "channel_id": "b.channel_id = :channel_id",
        "customer_id": "b.customer_id = :customer_id",
        "reason": "b.reason = :reason",
        "now": f"({IN_FORCE})",
    },
)


def block_of(tenant_id: int, channel: BlockedChannel, customer: BlockedCustomer, row: Row) -> Block:
    """The block in a row of `BLOCK`."""
    block_id, reason, note, expires_at, is_active, metadata, dropped, created_at, updated_at = row
    terms = BlockTerms(reason, note, expires_at, bool(is_active), _read(metadata))
    return Block(block_id, tenant_id, channel, customer, terms, dropped, created_at, updated_at)


def _read(text: str) -> Metadata:
    content = orjson.loads(text)
    return tuple(content) if isinstance(content, list) else content


def _written(terms: BlockTerms) -> dict[str, Any]:
    return {
        "reason": terms.reason,
        "note": terms.note,
        "expires_at": terms.expires_at,
        "is_active": int(terms.is_active),
        "metadata": orjson.dumps(terms.metadata).decode(),
    }


class SqlBlacklists:
    """`port.Blacklists` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def get(self, tenant_id: int, block_id: int) -> Block | None:
        row = self._sql.one(_GET, tenant_id=tenant_id, block_id=block_id)
        return None if row is None else _block(tenant_id, row)

    def find(self, tenant_id: int, query: BlockQuery) -> Found[Block]:
        asked = query.filters
        filters = {
            "channel_id": asked.channel_id,
            "customer_id": asked.customer_id,
            "reason": asked.reason,
            "now": asked.in_force_at,
        }
        part = Part("block_id", "desc", query.window, filters)
        found = listing.find(self._sql, _LIST, part, tenant_id=tenant_id)
        return Found(tuple(_block(tenant_id, row) for row in found.rows), found.next, found.total)

    def add(
        self, tenant_id: int, channel_id: int, customer_id: int, terms: BlockTerms, now: int
    ) -> int:
        if not self._hold(tenant_id, customer_id):
            raise OutsideTenant
        if in_force(terms, now):
            self._check_alone(tenant_id, channel_id, customer_id, 0, now)
        rows = self._sql.all(
            "INSERT INTO channel_blacklists (tenant_id, channel_id, customer_id, reason, note, "
            "expires_at, is_active, metadata, dropped, created_at, updated_at) "
            "SELECT :tenant_id, ch.channel_id, :customer_id, :reason, :note, :expires_at, "
            ":is_active, :metadata, 0, :now, :now FROM channels ch "
            "WHERE ch.tenant_id = :tenant_id AND ch.channel_id = :channel_id RETURNING block_id",
            tenant_id=tenant_id,
            channel_id=channel_id,
            customer_id=customer_id,
            now=now,
            **_written(terms),
        )
        if not rows:
            raise OutsideTenant
        return int(rows[0][0])

    def change(self, block: Block, terms: BlockTerms, now: int) -> None:
        tenant_id, customer_id = block.tenant_id, block.customer.customer_id
        if in_force(terms, now):
            self._hold(tenant_id, customer_id)
            channel_id = block.channel.channel_id
            self._check_alone(tenant_id, channel_id, customer_id, block.block_id, now)
        self._sql.run(
            "UPDATE channel_blacklists SET reason = :reason, note = :note, "
            "expires_at = :expires_at, is_active = :is_active, metadata = :metadata, "
            "updated_at = :now WHERE tenant_id = :tenant_id AND block_id = :block_id",
            tenant_id=tenant_id,
            block_id=block.block_id,
            now=now,
            **_written(terms),
        )

    def count_dropped(self, tenant_id: int, block_id: int) -> None:
        self._sql.run(
            "UPDATE channel_blacklists SET dropped = dropped + 1 "
            "WHERE tenant_id = :tenant_id AND block_id = :block_id",
            tenant_id=tenant_id,
            block_id=block_id,
        )

    def _hold(self, tenant_id: int, customer_id: int) -> bool:
        """Let nobody else block this customer meanwhile; whether there is one, not deleted."""
        row = self._sql.one(
            "SELECT deleted_at FROM customers WHERE tenant_id = :tenant_id "
            "AND customer_id = :customer_id FOR NO KEY UPDATE",
            tenant_id=tenant_id,
            customer_id=customer_id,
        )
        return row is not None and row[0] is None

    def _check_alone(
        self, tenant_id: int, channel_id: int, customer_id: int, but_for: int, now: int
    ) -> None:
        """Raises BlockedAlready if another block of this customer is in force here."""
        row = self._sql.one(
            "SELECT 1 FROM channel_blacklists b WHERE b.tenant_id = :tenant_id "
            "AND b.channel_id = :channel_id AND b.customer_id = :customer_id "
            f"AND b.block_id <> :but_for AND {IN_FORCE}",
            tenant_id=tenant_id,
            channel_id=channel_id,
            customer_id=customer_id,
            but_for=but_for,
            now=now,
        )
        if row is not None:
            raise BlockedAlready


def _block(tenant_id: int, row: Row) -> Block:
    channel, customer = BlockedChannel(*row[:3]), BlockedCustomer(*row[3:8])
    return block_of(tenant_id, channel, customer, row[8:])
