"""The Conversation and AgentStatus resources (wire §a.3, newer generation)."""

from datetime import datetime

from typing_extensions import TypedDict

from flextell.api.shapes.blacklist import BlacklistEntry, blacklist_entry
from flextell.api.shapes.encoding import moment_or_none
from flextell.api.shapes.tenant import name_of
from flextell.tenants import agent, conversations
from flextell.tenants.agent import Agent
from flextell.tenants.channels import ChannelType
from flextell.tenants.messages import Kind

# What changes with the time alone.
VOLATILE_STATUS = frozenset({"remaining_minutes"})


class OnChannel(TypedDict):
    """The channel of a conversation."""

    id: int
    name: str
    type: ChannelType
    address: str


class WithCustomer(TypedDict):
    """The customer of a conversation."""

    id: int
    first_name: str
    last_name: str
    phone_number: str
    avatar_url: str | None


class Conversation(TypedDict):
    """Everything said with one address on one channel, and its last message.

    `unread_count` counts what the customer wrote since somebody read it. `blacklist` is the block
    that is in force.
    """

    id: int
    display_name: str
    address: str
    last_message_id: str | None
    last_message: str | None
    last_message_at: datetime | None
    last_message_type: Kind | None
    last_message_is_customer: bool | None
    unread_count: str
    agent_disabled: bool
    agent_expires_at: datetime | None
    agent_disabled_by_user_name: str | None
    customer: WithCustomer
    channel: OnChannel
    blacklist: BlacklistEntry | None


class AgentStatus(TypedDict):
    """Whether the AI agent is switched off, until when, and by whom."""

    agent_disabled: bool
    agent_expires_at: datetime | None
    agent_disabled_by_user_name: str | None
    remaining_minutes: str | None


def conversation(of: conversations.Conversation, now: int) -> Conversation:
    """The conversation as the wire shows it at this time."""
    last, customer, channel = of.last, of.customer, of.channel
    return {
        "id": of.conversation_id,
        "display_name": conversations.display_name(of),
        "address": of.address,
        "last_message_id": None if last is None else str(last.message_id),
        "last_message": None if last is None else last.text,
        "last_message_at": moment_or_none(None if last is None else last.created_at),
        "last_message_type": None if last is None else last.kind,
        "last_message_is_customer": None if last is None else last.by_customer,
        "unread_count": str(of.unread),
        "agent_disabled": of.agent.disabled,
        "agent_expires_at": moment_or_none(of.agent.expires_at),
        "agent_disabled_by_user_name": name_of(of.agent.disabled_by),
        "customer": {
            "id": customer.customer_id,
            "first_name": customer.first_name,
            "last_name": customer.last_name,
            "phone_number": customer.phone_number,
            "avatar_url": customer.avatar_url,
        },
        "channel": {
            "id": channel.channel_id,
            "name": channel.name,
            "type": channel.type,
            "address": channel.address,
        },
        "blacklist": None if of.block is None else blacklist_entry(of.block, now),
    }


def agent_status(of: Agent, now: int) -> AgentStatus:
    """How the agent stands, as the wire shows it at this time."""
    minutes = agent.remaining_minutes(of, now)
    return {
        "agent_disabled": of.disabled,
        "agent_expires_at": moment_or_none(of.expires_at),
        "agent_disabled_by_user_name": name_of(of.disabled_by),
        "remaining_minutes": None if minutes is None else str(minutes),
    }
