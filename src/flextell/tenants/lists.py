"""What the simpler lists can be asked for: a search, a sort order, a part, and what was deleted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flextell.tenants import paging
from flextell.tenants.customers import folded
from flextell.tenants.paging import SortOrder, Window


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which rows, in which order, and which part; `search` is folded, ties go by id."""

    sort: str = "created_at"
    order: SortOrder = "desc"
    search: str | None = None
    trashed: bool = False
    window: Window = field(default_factory=Window)


def query(
    *,
    sort_by: str | None,
    sort_order: SortOrder | None,
    search: str | None,
    trashed: bool | None,
    window: Window,
    kinds: Mapping[str, type],
) -> ListQuery:
    """The list asked for: the newest first unless something else is, then ascending.

    `kinds` has the type of each sort key's values. Raises ForeignCursor if a cursor's has another.
    """
    sort = sort_by or "created_at"
    if window.after is not None:
        paging.check_after(window.after, kinds[sort])
    return ListQuery(
        sort=sort,
        order=paging.order_of(sort_by, sort_order),
        search=folded(search) if search else None,
        trashed=bool(trashed),
        window=window,
    )
