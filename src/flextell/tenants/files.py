"""Files: what is known of them, what a list of them can be asked for, how they are named."""

import unicodedata
from dataclasses import dataclass, field
from typing import Literal, get_args

from flextell.tenants.paging import SortOrder, Window, check_after, order_of

FileType = Literal["form_image", "audio", "catalog", "certificate", "image", "other"]
FileableType = Literal["customer", "user", "tenant", "chat_log", "ai_report"]
SortKey = Literal["name", "size", "type", "created_at", "updated_at"]

SORT_KEYS: tuple[SortKey, ...] = get_args(SortKey)
NUMBERS: frozenset[SortKey] = frozenset({"size", "created_at", "updated_at"})

MAXIMUM_NAME_CHARACTERS = 255
MAXIMUM_DESCRIPTION_CHARACTERS = 1000
NAMELESS = "file"
# How long bytes stay where no file needs them: an upload that came to nothing, a deleted file.
LOOSE_SECONDS = 24 * 3600
# How much of a name may be its ending, which stays when the name is cut.
_LONGEST_ENDING = 16


class NoRoom(Exception):
    """The files of a tenant would take more room than they may; the text is for its developer."""

    def __init__(self) -> None:
        super().__init__("The files of this business have used up their room. Delete some first.")


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that were taken in: where they lie, and what was found out about them."""

    stored_as: str
    size: int
    sha256: bytes
    mime_type: str


@dataclass(frozen=True, slots=True)
class Fileable:
    """What a file belongs to."""

    kind: FileableType
    id: int


@dataclass(frozen=True, slots=True)
class NewFile:
    """All that is kept of a file that comes in. Files of one group are shown together."""

    name: str
    description: str | None
    type: FileType
    group_id: str
    fileable: Fileable
    content: Content
    person_id: int | None


@dataclass(frozen=True, slots=True)
class File:
    """A file of a tenant. `stored_as` is None once the bytes of a deleted one are gone."""

    file_id: int
    tenant_id: int
    name: str
    description: str | None
    type: FileType
    mime_type: str
    size: int
    sha256: bytes
    group_id: str
    fileable: Fileable
    stored_as: str | None
    created_at: int
    updated_at: int
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True)
class FileFilters:
    """Which files; deleted ones only on demand."""

    type: FileType | None = None
    fileable_type: FileableType | None = None
    fileable_id: int | None = None
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class FileQuery:
    """Which files, in which order (ties go by id), and which part of them."""

    filters: FileFilters = field(default_factory=FileFilters)
    key: SortKey = "created_at"
    order: SortOrder = "desc"
    window: Window = field(default_factory=Window)


def query(
    filters: FileFilters, key: SortKey | None, order: SortOrder | None, window: Window
) -> FileQuery:
    """What was asked for: the newest first unless something else is, then ascending.

    Raises ForeignCursor if the part begins after a value that is none of the sort key.
    """
    sort = key or "created_at"
    if window.after is not None:
        check_after(window.after, int if sort in NUMBERS else str)
    return FileQuery(filters, sort, order_of(key, order), window)


def clean_name(told: str) -> str:
    """A name to show and to save under, from what a client calls a file.

    No path, nothing that cannot be seen (controls, and marks that turn the direction of writing
    and so the ending), no dots or spaces at either end, and no more characters than we keep.
    """
    last = told.replace("\\", "/").rpartition("/")[2]
    visible = "".join(c for c in unicodedata.normalize("NFC", last) if _can_be_seen(c))
    return _shortened(visible.strip(". ")) or NAMELESS


def _can_be_seen(character: str) -> bool:
    # C: control, format, surrogate, private; Zl, Zp: line and paragraph.
    category = unicodedata.category(character)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _shortened(name: str) -> str:
    if len(name) <= MAXIMUM_NAME_CHARACTERS:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > _LONGEST_ENDING:
        return name[:MAXIMUM_NAME_CHARACTERS]
    return stem[: MAXIMUM_NAME_CHARACTERS - len(ending) - 1] + dot + ending


def formatted_size(size: int) -> str:
    """A number of bytes for people: `812 B`, `1.5 KB`, `50.0 MB`; a KB has 1024 bytes."""
    if size < 1024:
        return f"{size} B"
    amount = size / 1024
    for unit in ("KB", "MB"):
        if amount < 1024:
            return f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GB"
