"""The Message and SendResult resources (wire §a.3)."""

from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment, moment_or_none
from flextell.api.shapes.file import File
from flextell.api.shapes.tenant import name_of
from flextell.tenants import messages
from flextell.tenants.messages import Kind

# What changes with the time alone: the address in `file`, too.
VOLATILE = frozenset({"file", "file_temporary_url"})


class Message(TypedDict):
    """A message. `user_id` is who wrote it on our side, null if the customer did.

    A deleted message keeps its place and shows neither text nor file. `read_at` is when our side
    read what the customer wrote.
    """

    id: int
    conversation_id: int
    user_id: int | None
    user_name: str | None
    is_customer: bool
    message_type: Kind
    message: str | None
    quoted_text: str | None
    is_deleted: bool
    is_edited: bool
    edited_by_user_name: str | None
    deleted_by_user_name: str | None
    read_at: datetime | None
    metadata: str | None
    created_at: datetime
    file: File | None
    file_temporary_url: str | None


class SendResult(TypedDict):
    """What became of a message that was sent.

    `queued`: it is on its way to the webhook of the channel; `stored`: the channel has none that
    takes it. `id` is `message_id` as a number (our extension).
    """

    id: int
    status: Literal["queued", "stored"]
    message_id: str
    conversation_id: str


def message(of: messages.Message, file: File | None) -> Message:
    """The message as the wire shows it."""
    gone = of.deleted_at is not None
    shown = None if gone else file
    return {
        "id": of.message_id,
        "conversation_id": of.conversation_id,
        "user_id": None if of.author is None else of.author.id,
        "user_name": name_of(of.author),
        "is_customer": of.by_customer,
        "message_type": of.kind,
        "message": messages.shown_text(of),
        "quoted_text": None if gone else of.quoted_text,
        "is_deleted": gone,
        "is_edited": of.edited_at is not None,
        "edited_by_user_name": of.edited_by,
        "deleted_by_user_name": of.deleted_by,
        "read_at": moment_or_none(of.read_at),
        "metadata": of.metadata,
        "created_at": moment(of.created_at),
        "file": shown,
        "file_temporary_url": shown and shown["temporary_url"],
    }


def send_result(message_id: int, conversation_id: int, *, queued: bool) -> SendResult:
    """What became of it, as the wire shows it."""
    return {
        "id": message_id,
        "status": "queued" if queued else "stored",
        "message_id": str(message_id),
        "conversation_id": str(conversation_id),
    }
