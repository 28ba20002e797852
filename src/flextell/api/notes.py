"""The endpoints of notes about customers."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.bodies import ABSENT, Body, Id
from flextell.api.caller import Caller
from flextell.api.customers import existing_customer
from flextell.api.envelopes import Done, One, done
from flextell.api.errors import conflict, no_such, unrelated
from flextell.api.paging import Page
from flextell.api.parameters import SearchParameters
from flextell.api.shapes import note as shapes
from flextell.api.shapes.note import Note
from flextell.store.port import Unit
from flextell.tenants import notes
from flextell.tenants.model import Named

MAXIMUM_CONTENT_CHARACTERS = 65_535


class NoteListParameters(SearchParameters):
    """Which notes, in which order."""

    sort_by: Literal["content", "created_at", "updated_at"] | None = Field(
        None, description="What to sort by (default `created_at`)."
    )


class NewNote(Body):
    """A note; its author is the person the app acts for, unless another member is named."""

    content: str = Field(min_length=1, max_length=MAXIMUM_CONTENT_CHARACTERS)
    user_id: Id | None = Field(None)


class NoteChanges(Body):
    """What of a note is to change."""

    content: str = Field(ABSENT, min_length=1, max_length=MAXIMUM_CONTENT_CHARACTERS)
    user_id: Id = Field(ABSENT)


def list_notes(unit: Unit, caller: Caller, asked: Asked) -> Page[Note]:
    """List the notes about a customer."""
    customer = existing_customer(unit, caller, asked)
    name = f"notes/{caller.tenant_id}/{customer.customer_id}"
    request = paging.read(NoteListParameters, asked, name)
    query = paging.searched(request, notes.SORT_KINDS)
    found = unit.notes.find(caller.tenant_id, customer.customer_id, query)
    return paging.page(request, asked, found, shapes.note)


def create_note(unit: Unit, caller: Caller, asked: Asked) -> One[Note]:
    """Write a note about a customer."""
    customer = existing_customer(unit, caller, asked)
    wanted = asked.body(NewNote)
    author = wanted.user_id or unit.tenants.member(caller.tenant_id, caller.subject)
    if author is None or unit.members.get(caller.tenant_id, author) is None:
        raise unrelated("user_id", "somebody who belongs here")
    note_id = unit.notes.add(
        caller.tenant_id, customer.customer_id, author, wanted.content, asked.now
    )
    return _one(unit, caller, asked, note_id)


def get_note(unit: Unit, caller: Caller, asked: Asked) -> One[Note]:
    """Get one note."""
    existing_customer(unit, caller, asked)
    return _one(unit, caller, asked, asked.ids["note_id"])


def update_note(unit: Unit, caller: Caller, asked: Asked) -> One[Note]:
    """Change a note."""
    existing_customer(unit, caller, asked)
    note = _existing(unit, caller, asked, asked.ids["note_id"])
    changes = asked.body(NoteChanges).changes()
    author = changes.get("user_id", note.author.id)
    if author != note.author.id and unit.members.get(caller.tenant_id, author) is None:
        raise unrelated("user_id", "somebody who belongs here")
    changed = replace(note, content=changes.get("content", note.content), author=Named(author, ""))
    unit.notes.put(caller.tenant_id, changed, asked.now)
    return _one(unit, caller, asked, note.note_id)


def delete_note(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Delete a note."""
    customer = existing_customer(unit, caller, asked)
    note_id = asked.ids["note_id"]
    if not unit.notes.delete(caller.tenant_id, customer.customer_id, note_id, asked.now):
        raise no_such("note")
    return done(asked.success, "The note was deleted.")


def restore_note(unit: Unit, caller: Caller, asked: Asked) -> One[Note]:
    """Restore a deleted note."""
    customer = existing_customer(unit, caller, asked)
    note_id = asked.ids["note_id"]
    if not unit.notes.restore(caller.tenant_id, customer.customer_id, note_id, asked.now):
        _existing(unit, caller, asked, note_id)
        raise conflict("The note is not deleted.")
    return _one(unit, caller, asked, note_id)


def _existing(unit: Unit, caller: Caller, asked: Asked, note_id: int) -> notes.Note:
    found = unit.notes.get(caller.tenant_id, asked.ids["id"], note_id)
    if found is None:
        raise no_such("note")
    return found


def _one(unit: Unit, caller: Caller, asked: Asked, note_id: int) -> One[Note]:
    note = _existing(unit, caller, asked, note_id)
    return {"success": asked.success, "data": shapes.note(note)}
