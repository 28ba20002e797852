"""Sending: a message and what the channel's webhook is told of it, kept in one unit of work."""

from flextell.api.asked import Asked
from flextell.api.shapes.message import SendResult, send_result
from flextell.store.port import Unit
from flextell.tenants import deliveries, outgoing
from flextell.tenants.conversations import Conversation, check_sendable
from flextell.tenants.files import File
from flextell.tenants.messages import Draft, Message
from flextell.tenants.outgoing import Data


def keep(unit: Unit, held: Conversation, draft: Draft, now: int) -> Message:
    """Keep a message of our side. Raises CustomerBlocked."""
    check_sendable(held, now)
    tenant_id, conversation_id = held.tenant_id, held.conversation_id
    channel_id = held.channel.channel_id
    message_id = unit.messages.add(tenant_id, conversation_id, channel_id, draft, now)
    kept = message_id and unit.messages.get(tenant_id, conversation_id, message_id)
    if not kept:
        raise LookupError("a message that was kept is not there")
    return kept


def send(
    unit: Unit,
    held: Conversation,
    message: Message,
    asked: Asked,
    quoted: Message | None = None,
    file: File | None = None,
) -> SendResult:
    """Let a message that was kept in this unit go out."""
    attached = None
    if file is not None:
        url = asked.addresses.of(held.tenant_id, file.file_id, asked.now)
        attached = outgoing.attached(file, url)
    data = outgoing.created(held, message, quoted, attached)
    queued = tell(unit, held, outgoing.CREATED, data, asked.now)
    return send_result(message.message_id, held.conversation_id, queued=queued)


def tell(unit: Unit, held: Conversation, kind: str, data: Data, now: int) -> bool:
    """Tell the channel's webhook something. False if it has none that is told."""
    body = deliveries.body_of(kind, data, now)
    channel_id = held.channel.channel_id
    return unit.deliveries.add(held.tenant_id, channel_id, kind, body, now) is not None
