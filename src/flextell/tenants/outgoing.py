"""What the webhook of a channel is told: what our side wrote, changed and took back.

    message.created    say this to the customer at `address`
    message.edited     what was said is to be this now
    message.deleted    it is to be taken back, where the service can

Deliveries may overtake each other: a higher `message_id` was written later, and what comes of a
message after `message.deleted` does not matter any more.
"""

from collections.abc import Mapping
from typing import Any

from flextell.tenants.conversations import Conversation
from flextell.tenants.files import File
from flextell.tenants.messages import Message

CREATED, EDITED, DELETED = "message.created", "message.edited", "message.deleted"

Data = Mapping[str, Any]


def created(
    conversation: Conversation, message: Message, quoted: Message | None, file: Data | None
) -> Data:
    """A message to be said."""
    return {
        **_where(conversation, message),
        "message_type": message.kind,
        "message": message.text,
        "quoted": None if quoted is None else _named(quoted),
        "file": file,
    }


def edited(conversation: Conversation, message: Message) -> Data:
    """A message with another text."""
    return {**_where(conversation, message), "message": message.text}


def deleted(conversation: Conversation, message: Message) -> Data:
    """A message to be taken back."""
    return _where(conversation, message)


def attached(file: File, url: str) -> Data:
    """A file that goes with a message, and where it can be had for some minutes."""
    return {
        "id": file.file_id,
        "name": file.name,
        "mime_type": file.mime_type,
        "size": file.size,
        "url": url,
    }


def _where(conversation: Conversation, message: Message) -> dict[str, Any]:
    return {
        "channel_id": conversation.channel.channel_id,
        "conversation_id": conversation.conversation_id,
        "address": conversation.address,
        "message_id": message.message_id,
    }


def _named(message: Message) -> Data:
    """A message by our number and, if it came in, by the service's own id."""
    return {"message_id": message.message_id, "id": message.external_id}
