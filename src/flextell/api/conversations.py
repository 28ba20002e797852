"""The endpoints of conversations."""

from pydantic import Field

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.beginning import begin
from flextell.api.bodies import Body, Id
from flextell.api.caller import Caller
from flextell.api.envelopes import Done, One, done
from flextell.api.errors import conflict, no_such, unrelated
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes import conversation as shapes
from flextell.api.shapes.conversation import Conversation
from flextell.store.port import Unit
from flextell.tenants import conversations
from flextell.tenants.channels import ChannelType
from flextell.tenants.conversations import (
    MAXIMUM_ADDRESS_CHARACTERS,
    MAXIMUM_NAME_CHARACTERS,
    MAXIMUM_SEARCH_CHARACTERS,
    ConversationQuery,
)


class ConversationListParameters(ListParameters):
    """Which conversations, the one with the newest message first."""

    search: str | None = Field(
        None,
        max_length=MAXIMUM_SEARCH_CHARACTERS,
        description="Part of the address, or of the customer's name, phone number or e-mail "
        "address; case and accents are equal. Without three letters or digits in a row, what a "
        "word begins with.",
    )
    channel_type: ChannelType | None = Field(None, description="Only on channels of this type.")


class NewConversation(Body):
    """With which address on which channel; the names are for a customer who is not known yet."""

    channel_id: Id
    address: str = Field(min_length=1, max_length=MAXIMUM_ADDRESS_CHARACTERS)
    first_name: str | None = Field(None, max_length=MAXIMUM_NAME_CHARACTERS)
    last_name: str | None = Field(None, max_length=MAXIMUM_NAME_CHARACTERS)


def list_conversations(unit: Unit, caller: Caller, asked: Asked) -> Page[Conversation]:
    """List conversations."""
    name = f"conversations/{caller.tenant_id}"
    request = paging.read(ConversationListParameters, asked, name, sorted_by=int)
    wanted = request.parameters
    filters = conversations.filters(wanted.search, wanted.channel_type)
    query = ConversationQuery(filters, request.window)
    found = unit.conversations.find(caller.tenant_id, query, asked.now)
    return paging.page(request, asked, found, lambda one: shapes.conversation(one, asked.now))


def get_conversation(unit: Unit, caller: Caller, asked: Asked) -> One[Conversation]:
    """Get one conversation."""
    found = existing_conversation(unit, caller, asked)
    return {"success": asked.success, "data": shapes.conversation(found, asked.now)}


def create_conversation(unit: Unit, caller: Caller, asked: Asked) -> One[Conversation]:
    """Begin a conversation.

    A customer with the address as phone number is taken for the one it is with; if there is none,
    one is created.
    """
    wanted = asked.body(NewConversation)
    tenant_id, channel_id = caller.tenant_id, wanted.channel_id
    if unit.channels.get(tenant_id, channel_id) is None:
        raise unrelated("channel_id", "a channel")
    address = conversations.normalised(wanted.address)
    made = begin(
        unit, tenant_id, channel_id, address, wanted.first_name, wanted.last_name, asked.now
    )
    found = None if made is None else unit.conversations.get(tenant_id, made, asked.now)
    if found is None:
        raise conflict("There is a conversation with this address on this channel already.")
    return {"success": asked.success, "data": shapes.conversation(found, asked.now)}


def read_conversation(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Mark a conversation as read.

    Our extension: reading messages by itself changes nothing.
    """
    held = held_conversation(unit, caller, asked)
    unit.conversations.mark_read(caller.tenant_id, held.conversation_id, asked.now)
    return done(asked.success, "The conversation was marked as read.")


def existing_conversation(unit: Unit, caller: Caller, asked: Asked) -> conversations.Conversation:
    """The conversation that the path names. Raises ApiError (404)."""
    found = unit.conversations.get(caller.tenant_id, asked.ids["id"], asked.now)
    if found is None:
        raise no_such("conversation")
    return found


def held_conversation(unit: Unit, caller: Caller, asked: Asked) -> conversations.Conversation:
    """The same, held still until the unit ends: for those who change something in it."""
    found = unit.conversations.hold(caller.tenant_id, asked.ids["id"], asked.now)
    if found is None:
        raise no_such("conversation")
    return found
