"""Messages of a conversation: who wrote them, and what may be changed (wire §a.2, §a.3).

Our own side may change and delete what it wrote itself. A deleted message keeps its place and
shows no text.

    NotOurs     409  a message that the customer wrote
"""

from dataclasses import dataclass
from typing import Literal

from flextell.tenants.files import FileType
from flextell.tenants.model import Named
from flextell.tenants.refusals import Conflict

Kind = Literal["text", "image", "video", "audio", "document"]

MAXIMUM_CHARACTERS = 5000

# First part of a media type: what the message is called. Everything else is a document.
_KINDS: dict[str, Kind] = {"image": "image", "video": "video", "audio": "audio"}
_FILE_TYPES: dict[Kind, FileType] = {"image": "image", "audio": "audio"}


class NotOurs(Conflict):
    """What customers wrote stays as they wrote it."""

    def __init__(self) -> None:
        super().__init__("Only messages of your own side can be changed or deleted.")


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be kept. `person_id` is who wrote it on our side; None: the customer.

    `external_id` is the channel's own name of what came in; a channel has each once.
    """

    text: str | None
    person_id: int | None
    kind: Kind = "text"
    quoted_id: int | None = None
    external_id: str | None = None
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message. `author` is the person on our side; None: the customer."""

    message_id: int
    conversation_id: int
    kind: Kind
    text: str | None
    author: Named | None
    quoted_text: str | None
    file_id: int | None
    metadata: str | None
    created_at: int
    external_id: str | None = None
    read_at: int | None = None
    edited_at: int | None = None
    edited_by: str | None = None
    deleted_at: int | None = None
    deleted_by: str | None = None

    @property
    def by_customer(self) -> bool:
        """Whether the customer wrote it."""
        return self.author is None


def check_ours(message: Message) -> None:
    """Raises NotOurs unless our side wrote it."""
    if message.by_customer:
        raise NotOurs


def shown_text(message: Message) -> str | None:
    """What is to be read."""
    return None if message.deleted_at is not None else message.text


def file_type_of(kind: Kind) -> FileType:
    """What the file of such a message is filed as."""
    return _FILE_TYPES.get(kind, "other")


def kind_of(media_type: str) -> Kind:
    """What a message with a file of this type is called."""
    return _KINDS.get(media_type.partition("/")[0], "document")
