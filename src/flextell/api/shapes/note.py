"""The Note resource (wire §a.3)."""

from datetime import datetime

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment, moment_or_none
from flextell.api.shapes.tenant import Reference
from flextell.tenants import notes


class Note(TypedDict):
    """What somebody wrote about a customer."""

    id: int
    content: str
    user_id: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    author: Reference


def note(of: notes.Note) -> Note:
    """The note as the wire shows it."""
    return {
        "id": of.note_id,
        "content": of.content,
        "user_id": of.author.id,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "deleted_at": moment_or_none(of.deleted_at),
        "author": {"id": of.author.id, "name": of.author.name},
    }
