"""Conversations, kept. Every statement here names the tenant.

The newest message is looked up by its id when a conversation is shown, so an edited or deleted one
needs no second note. Counts and `active_at` are kept in the conversation: no list counts messages.
"""

from flextell.store import listing
from flextell.store.blacklists import BLOCK, IN_FORCE, block_of
from flextell.store.listing import Column, Listing, Part
from flextell.store.searching import SearchTable
from flextell.store.transaction import Row, Transaction
from flextell.tenants import agent
from flextell.tenants.agent import Agent
from flextell.tenants.blacklists import Block, BlockedChannel, BlockedCustomer
from flextell.tenants.conversations import (
    Conversation,
    ConversationQuery,
    LastMessage,
    OnChannel,
    WithCustomer,
)
from flextell.tenants.customers import folded
from flextell.tenants.model import Named
from flextell.tenants.paging import Found

_SHOWN = (
    "v.conversation_id, v.address, v.message_count, v.unread_count, v.active_at, "
    "v.agent_disabled, v.agent_expires_at, v.agent_disabled_by, p.name, "
    "ch.channel_id, ch.name, ch.type, ch.address, "
    "c.customer_id, c.first_name, c.last_name, c.phone_number, c.avatar_url, c.email, "
    f"m.message_id, m.kind, m.text, m.person_id, m.created_at, m.deleted_at, {BLOCK}"
)
_JOINS = (
    "JOIN channels ch ON ch.channel_id = v.channel_id "
    "JOIN customers c ON c.customer_id = v.customer_id "
    "LEFT JOIN people p ON p.person_id = v.agent_disabled_by "
    "LEFT JOIN messages m ON m.message_id = v.last_message_id "
    "LEFT JOIN channel_blacklists b ON b.tenant_id = v.tenant_id "
    f"AND b.channel_id = v.channel_id AND b.customer_id = v.customer_id AND {IN_FORCE}"
)
_ONE = f"SELECT {_SHOWN} FROM conversations v {_JOINS} WHERE v.tenant_id = :tenant_id AND "
_LIST = Listing(
    source="conversations v",
    within="v.tenant_id = :tenant_id",
    row_id="v.conversation_id",
    columns=_SHOWN,
    joins=_JOINS,
    sorts={"active_at": Column("v.active_at")},
    filters={
        "channel_type": "v.channel_id IN (SELECT t.channel_id FROM channels t "
        "WHERE t.tenant_id = :tenant_id AND t.type = :channel_type)",
    },
    searched=SearchTable("conversation_search", "conversation_id"),
)


class SqlConversations:
    """`port.Conversations` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def get(self, tenant_id: int, conversation_id: int, now: int) -> Conversation | None:
        row = self._sql.one(
            f"{_ONE} v.conversation_id = :conversation_id",
            tenant_id=tenant_id,
            conversation_id=conversation_id,
            now=now,
        )
        return None if row is None else _conversation(tenant_id, row, now)

    def hold(self, tenant_id: int, conversation_id: int, now: int) -> Conversation | None:
        held = self._sql.one(
            "SELECT 1 FROM conversations WHERE tenant_id = :tenant_id "
            "AND conversation_id = :conversation_id FOR NO KEY UPDATE",
            tenant_id=tenant_id,
            conversation_id=conversation_id,
        )
        return None if held is None else self.get(tenant_id, conversation_id, now)

    def at(self, tenant_id: int, channel_id: int, address: str) -> int | None:
        row = self._sql.one(
            "SELECT conversation_id FROM conversations WHERE tenant_id = :tenant_id "
            "AND channel_id = :channel_id AND address = :address",
            tenant_id=tenant_id,
            channel_id=channel_id,
            address=address,
        )
        return None if row is None else int(row[0])

    def find(self, tenant_id: int, query: ConversationQuery, now: int) -> Found[Conversation]:
        asked = query.filters
        filters = {"channel_type": asked.channel_type}
        part = Part("active_at", "desc", query.window, filters, search=asked.search)
        found = listing.find(self._sql, _LIST, part, tenant_id=tenant_id, now=now)
        rows = tuple(_conversation(tenant_id, row, now) for row in found.rows)
        return Found(rows, found.next, found.total)

    def add(
        self, tenant_id: int, channel_id: int, address: str, customer_id: int, now: int
    ) -> int | None:
        rows = self._sql.all(
            "INSERT INTO conversations (tenant_id, channel_id, address, customer_id, search_text, "
            "message_count, unread_count, agent_disabled, active_at, created_at) "
            "SELECT :tenant_id, ch.channel_id, :address, c.customer_id, :search_text, "
            "0, 0, 0, :now, :now FROM channels ch JOIN customers c ON c.tenant_id = ch.tenant_id "
            "WHERE ch.tenant_id = :tenant_id AND ch.channel_id = :channel_id "
            "AND c.customer_id = :customer_id "
            "ON CONFLICT (channel_id, address) DO NOTHING RETURNING conversation_id",
            tenant_id=tenant_id,
            channel_id=channel_id,
            address=address,
            customer_id=customer_id,
            search_text=folded(address),
            now=now,
        )
        return int(rows[0][0]) if rows else None

    def set_agent(self, tenant_id: int, conversation_id: int, agent: Agent) -> None:
        self._sql.run(
            "UPDATE conversations SET agent_disabled = :disabled, agent_expires_at = :expires_at, "
            "agent_disabled_by = :by "
            "WHERE tenant_id = :tenant_id AND conversation_id = :conversation_id",
            tenant_id=tenant_id,
            conversation_id=conversation_id,
            disabled=int(agent.disabled),
            expires_at=agent.expires_at,
            by=agent.disabled_by.id if agent.disabled_by else None,
        )

    def mark_read(self, tenant_id: int, conversation_id: int, now: int) -> None:
        held = {"tenant_id": tenant_id, "conversation_id": conversation_id}
        self._sql.run(
            "UPDATE messages SET read_at = :now WHERE tenant_id = :tenant_id "
            "AND conversation_id = :conversation_id AND person_id IS NULL AND read_at IS NULL",
            now=now,
            **held,
        )
        self._sql.run(
            "UPDATE conversations SET unread_count = 0 "
            "WHERE tenant_id = :tenant_id AND conversation_id = :conversation_id",
            **held,
        )


def _conversation(tenant_id: int, row: Row, now: int) -> Conversation:
    conversation_id, address, messages, unread, active_at = row[:5]
    channel, customer = OnChannel(*row[9:13]), WithCustomer(*row[13:18])
    return Conversation(
        conversation_id=conversation_id,
        tenant_id=tenant_id,
        address=address,
        channel=channel,
        customer=customer,
        last=_last(row[19:25]),
        messages=messages,
        unread=unread,
        active_at=active_at,
        agent=agent.at(_agent(row[5:9]), now),
        block=_block(tenant_id, channel, customer, row[18], row[25:]),
    )


def _agent(row: Row) -> Agent:
    disabled, expires_at, person_id, name = row
    return Agent(bool(disabled), expires_at, None if name is None else Named(person_id, name))


def _last(row: Row) -> LastMessage | None:
    message_id, kind, text, person_id, created_at, deleted_at = row
    if message_id is None:
        return None
    shown = None if deleted_at is not None else text
    return LastMessage(message_id, kind, shown, person_id is None, created_at)


def _block(
    tenant_id: int, channel: OnChannel, customer: WithCustomer, email: str | None, row: Row
) -> Block | None:
    if row[0] is None:
        return None
    blocked = BlockedCustomer(
        customer.customer_id,
        customer.first_name,
        customer.last_name,
        customer.phone_number,
        email,
    )
    on = BlockedChannel(channel.channel_id, channel.name, channel.address)
    return block_of(tenant_id, on, blocked, row)
