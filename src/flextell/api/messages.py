"""The endpoints of messages in a conversation."""

from collections.abc import Callable

from pydantic import Field

from flextell.api import paging, sending
from flextell.api.asked import Asked
from flextell.api.bodies import Body, Id
from flextell.api.caller import Caller, acting_person
from flextell.api.conversations import existing_conversation, held_conversation
from flextell.api.envelopes import Done, One, done
from flextell.api.errors import no_such, unrelated
from flextell.api.file_forms import Received
from flextell.api.files import file_shower
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes import message as shapes
from flextell.api.shapes.message import Message, SendResult
from flextell.store.port import Unit
from flextell.tenants import files, messages, outgoing
from flextell.tenants.conversations import Conversation
from flextell.tenants.files import Fileable, NewFile
from flextell.tenants.messages import MAXIMUM_CHARACTERS, Draft
from flextell.tenants.model import Named


class NewMessage(Body):
    """What to say, and in answer to which message of the conversation."""

    message: str = Field(min_length=1, max_length=MAXIMUM_CHARACTERS)
    quoted_message_id: Id | None = Field(None)


class NewMediaMessage(Body):
    """What to say with a file."""

    message: str | None = Field(None, max_length=MAXIMUM_CHARACTERS)


class MessageChanges(Body):
    """What a message is to say."""

    message: str = Field(min_length=1, max_length=MAXIMUM_CHARACTERS)


def list_messages(unit: Unit, caller: Caller, asked: Asked) -> Page[Message]:
    """List the messages of a conversation, the newest first.

    Deleted ones keep their place.
    """
    conversation_id = existing_conversation(unit, caller, asked).conversation_id
    name = f"messages/{caller.tenant_id}/{conversation_id}"
    request = paging.read(ListParameters, asked, name, sorted_by=int)
    found = unit.messages.find(caller.tenant_id, conversation_id, request.window)
    return paging.page(request, asked, found, _shower(unit, caller, asked, *found.rows))


def get_message(unit: Unit, caller: Caller, asked: Asked) -> One[Message]:
    """Get one message."""
    found = _existing(unit, caller, asked, asked.ids["message_id"])
    return {"success": asked.success, "data": _shower(unit, caller, asked, found)(found)}


def create_message(unit: Unit, caller: Caller, asked: Asked) -> One[SendResult]:
    """Send a message.

    It is kept at once, and delivered to the channel's webhook as soon as that takes it.
    """
    held = held_conversation(unit, caller, asked)
    wanted = asked.body(NewMessage)
    quoted = _quoted(unit, held, wanted.quoted_message_id)
    author = acting_person(unit, caller)
    draft = Draft(wanted.message, author.id, quoted_id=wanted.quoted_message_id)
    kept = sending.keep(unit, held, draft, asked.now)
    return {"success": asked.success, "data": sending.send(unit, held, kept, asked, quoted)}


def create_media_message(unit: Unit, caller: Caller, asked: Asked) -> One[SendResult]:
    """Send a file, with or without a text."""
    held = held_conversation(unit, caller, asked)
    received: Received[NewMediaMessage] = asked.prepared(Received)
    author = acting_person(unit, caller)
    kind = messages.kind_of(received.content.mime_type)
    draft = Draft(received.form.message, author.id, kind)
    kept = sending.keep(unit, held, draft, asked.now)
    file = _attached(unit, held, kept, author, received, asked.now)
    return {"success": asked.success, "data": sending.send(unit, held, kept, asked, file=file)}


def update_message(unit: Unit, caller: Caller, asked: Asked) -> One[Message]:
    """Change what a message of our side says."""
    held = held_conversation(unit, caller, asked)
    message = _changeable(unit, caller, asked)
    text = asked.body(MessageChanges).message
    editor = acting_person(unit, caller)
    unit.messages.edit(message, caller.tenant_id, text, editor.id, asked.now)
    changed = _existing(unit, caller, asked, message.message_id)
    sending.tell(unit, held, outgoing.EDITED, outgoing.edited(held, changed), asked.now)
    return {"success": asked.success, "data": _shower(unit, caller, asked, changed)(changed)}


def delete_message(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Delete a message of our side.

    It keeps its place without its text; the channel takes it back where its service can.
    """
    held = held_conversation(unit, caller, asked)
    message = _changeable(unit, caller, asked)
    deleter = acting_person(unit, caller)
    unit.messages.delete(message, caller.tenant_id, deleter.id, asked.now)
    sending.tell(unit, held, outgoing.DELETED, outgoing.deleted(held, message), asked.now)
    return done(asked.success, "The message was deleted.")


def _existing(unit: Unit, caller: Caller, asked: Asked, message_id: int) -> messages.Message:
    found = unit.messages.get(caller.tenant_id, asked.ids["id"], message_id)
    if found is None:
        raise no_such("message")
    return found


def _changeable(unit: Unit, caller: Caller, asked: Asked) -> messages.Message:
    """The message that the path names. Raises ApiError if it was deleted, and NotOurs."""
    message = _existing(unit, caller, asked, asked.ids["message_id"])
    if message.deleted_at is not None:
        raise no_such("message")
    messages.check_ours(message)
    return message


def _quoted(unit: Unit, held: Conversation, message_id: int | None) -> messages.Message | None:
    """The quoted message. Raises ApiError (422) if the conversation has none such."""
    if message_id is None:
        return None
    found = unit.messages.get(held.tenant_id, held.conversation_id, message_id)
    if found is None or found.deleted_at is not None:
        raise unrelated("quoted_message_id", "a message of this conversation")
    return found


def _attached(
    unit: Unit,
    held: Conversation,
    message: messages.Message,
    author: Named,
    received: Received[NewMediaMessage],
    now: int,
) -> files.File | None:
    """Keep the file that came with a message. Raises NoRoom."""
    new = NewFile(
        name=received.name,
        description=received.form.message,
        type=messages.file_type_of(message.kind),
        group_id=received.group_id,
        fileable=Fileable("chat_log", message.message_id),
        content=received.content,
        person_id=author.id,
    )
    file_id = unit.files.add(held.tenant_id, new, received.most_bytes, now)
    unit.messages.attach(held.tenant_id, message.message_id, file_id)
    return unit.files.get(held.tenant_id, file_id)


def _shower(
    unit: Unit, caller: Caller, asked: Asked, *shown: messages.Message
) -> Callable[[messages.Message], Message]:
    """What shows each of these messages, with its file."""
    ids = {each.file_id for each in shown if each.file_id is not None and each.deleted_at is None}
    attached = unit.files.several(caller.tenant_id, ids)
    show_file = file_shower(caller, asked)

    def show(of: messages.Message) -> Message:
        file = None if of.file_id is None else attached.get(of.file_id)
        return shapes.message(of, None if file is None else show_file(file))

    return show
