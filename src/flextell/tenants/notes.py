"""Notes that a tenant's people write about its customers, as frozen values."""

from dataclasses import dataclass

from flextell.tenants.model import Named

# A list is sorted by so many characters of the content: a cursor has to carry them.
SORTED_CHARACTERS = 100

SORT_KINDS: dict[str, type] = {"content": str, "created_at": int, "updated_at": int}


@dataclass(frozen=True, slots=True)
class Note:
    """A note about a customer. `author` stays whoever wrote it, also when they are no member."""

    note_id: int
    customer_id: int
    content: str
    author: Named
    created_at: int
    updated_at: int
    deleted_at: int | None = None
