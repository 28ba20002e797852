"""Conversations: with whom, on which channel, and what a list of them can be asked for.

There is one conversation for each address on a channel (wire §a.2, §a.3). It is as old as its last
message: lists are sorted by that, the newest first.
"""

import re
from dataclasses import dataclass, field

from flextell.tenants import blacklists
from flextell.tenants.agent import ENABLED, Agent
from flextell.tenants.blacklists import Block, CustomerBlocked
from flextell.tenants.channels import ChannelType
from flextell.tenants.customers import folded
from flextell.tenants.messages import Kind
from flextell.tenants.model import CustomerDetails
from flextell.tenants.paging import Window
from flextell.tenants.refusals import Unfit

MAXIMUM_ADDRESS_CHARACTERS = 255
MAXIMUM_NAME_CHARACTERS = 255
MAXIMUM_SEARCH_CHARACTERS = 255

# E.164: at most 15 digits; people write spaces, dots, dashes and brackets between them.
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_BETWEEN_DIGITS = re.compile(r"[ .()-]")


@dataclass(frozen=True, slots=True)
class OnChannel:
    """The channel of a conversation."""

    channel_id: int
    name: str
    type: ChannelType
    address: str


@dataclass(frozen=True, slots=True)
class WithCustomer:
    """The customer of a conversation."""

    customer_id: int
    first_name: str
    last_name: str
    phone_number: str
    avatar_url: str | None


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The newest message; a deleted one has no text."""

    message_id: int
    kind: Kind
    text: str | None
    by_customer: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything said with one address on one channel. `block` is the one in force, if any."""

    conversation_id: int
    tenant_id: int
    address: str
    channel: OnChannel
    customer: WithCustomer
    last: LastMessage | None
    messages: int
    unread: int
    active_at: int
    agent: Agent = ENABLED
    block: Block | None = None


@dataclass(frozen=True, slots=True)
class ConversationFilters:
    """Which conversations; `search` is folded."""

    search: str | None = None
    channel_type: ChannelType | None = None


@dataclass(frozen=True, slots=True)
class ConversationQuery:
    """Which conversations, and which part of them."""

    filters: ConversationFilters = field(default_factory=ConversationFilters)
    window: Window = field(default_factory=Window)


def filters(search: str | None, channel_type: ChannelType | None) -> ConversationFilters:
    """The filters asked for."""
    return ConversationFilters(folded(search) if search else None, channel_type)


def display_name(conversation: Conversation) -> str:
    """What to call it: the customer's name, or the address."""
    customer = conversation.customer
    return f"{customer.first_name} {customer.last_name}".strip() or conversation.address


def check_sendable(conversation: Conversation, now: int) -> None:
    """Raises CustomerBlocked if nothing is to be sent now."""
    block = conversation.block
    if block is not None and blacklists.in_force(block.terms, now):
        raise CustomerBlocked


def phone_number(address: str) -> str | None:
    """The phone number that an address is; None if it is another kind of address."""
    bare = _BETWEEN_DIGITS.sub("", address)
    return bare if _PHONE.fullmatch(bare) else None


def normalised(address: str) -> str:
    """The one form of an address: a phone number bare, anything else trimmed. Raises Unfit."""
    form = phone_number(address) or address.strip()
    if not form:
        raise Unfit("The field address must not be blank.")
    return form


def newcomer(address: str, first_name: str | None, last_name: str | None) -> CustomerDetails:
    """The customer to be made for somebody who is not known by their address."""
    named = bool(first_name or last_name)
    return CustomerDetails(
        first_name=first_name or "" if named else address,
        last_name=last_name or "",
        phone_number=phone_number(address) or "",
    )
