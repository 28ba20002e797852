"""Lists in both styles at once: page numbers with links, and cursors (wire §c.5, §e 2)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from pydantic import ValidationError
from typing_extensions import TypedDict

from flextell.api.asked import Asked
from flextell.api.envelopes import Success
from flextell.api.parameters import PAGING, ListParameters, SearchParameters, parse
from flextell.tenants import lists, paging
from flextell.tenants.lists import ListQuery
from flextell.tenants.paging import Cursor, ForeignCursor, Found, Question, Window

T = TypeVar("T")
Shape = TypeVar("Shape")
L = TypeVar("L", bound=ListParameters)
S = TypeVar("S", bound=SearchParameters)

# So many page numbers are linked on either side of the current one.
NEIGHBOURS = 3


class Links(TypedDict):
    """Addresses of other parts of the list; those after a cursor know no last and no previous."""

    first: str
    last: str | None
    prev: str | None
    next: str | None


class PageLink(TypedDict):
    """A link to a page, ready for a row of buttons."""

    url: str | None
    label: str
    active: bool


# In cursor mode `current_page`, `from` and `to` are null where the position is not known.
Meta = TypedDict(
    "Meta",
    {
        "current_page": int | None,
        "from": int | None,
        "last_page": int,
        "links": list[PageLink],
        "path": str,
        "per_page": int,
        "to": int | None,
        "total": int,
        "cursor": str | None,
        "has_more": bool,
    },
)


class Page(TypedDict, Generic[T]):
    """A part of a list."""

    success: Success
    data: list[T]
    links: Links
    meta: Meta


@dataclass(frozen=True, slots=True)
class ListRequest(Generic[L]):
    """Which list, which part, and everything else it was asked."""

    list_name: str
    parameters: L
    window: Window

    @property
    def question(self) -> Question:
        """The filters and the order: all that a cursor must be used with again."""
        return _question(self.parameters)


def _question(parameters: ListParameters) -> Question:
    return parameters.model_dump(exclude_none=True, exclude=set(PAGING))


def read(
    model: type[L], asked: Asked, list_name: str, *, sorted_by: type | None = None
) -> ListRequest[L]:
    """What part of a list is asked for. Raises ApiError or PagingProblem.

    `sorted_by` is the type of what a list with one order is sorted by.
    """
    parameters = parse(model, asked.query)
    after = None
    if parameters.cursor is not None:
        cursor = paging.decode(list_name, parameters.cursor)
        parameters, after = _continued(parameters, cursor), cursor.after
        if sorted_by is not None:
            paging.check_after(after, sorted_by)
    window = paging.window(
        page=parameters.page,
        per_page=parameters.per_page,
        limit=parameters.limit,
        after=after,
    )
    return ListRequest(list_name, parameters, window)


def searched(request: ListRequest[S], kinds: Mapping[str, type]) -> ListQuery:
    """What is asked of a list that takes no more than `SearchParameters`. Raises ForeignCursor.

    `kinds` has the type of each sort key's values.
    """
    wanted = request.parameters
    return lists.query(
        sort_by=wanted.sort_by,
        sort_order=wanted.sort_order,
        search=wanted.search,
        trashed=wanted.trashed,
        window=request.window,
        kinds=kinds,
    )


def _continued(parameters: L, cursor: Cursor) -> L:
    """The parameters with the cursor's filters and order. Raises ForeignCursor if they differ."""
    asked, carried = _question(parameters), cursor.question
    if carried.keys() & PAGING or any(carried.get(name) != asked[name] for name in asked):
        raise ForeignCursor
    paged = parameters.model_dump(include=set(PAGING))
    try:
        return type(parameters).model_validate({**carried, **paged})
    except ValidationError:
        raise ForeignCursor from None


def page(
    request: ListRequest[L], asked: Asked, found: Found[T], shape: Callable[[T], Shape]
) -> Page[Shape]:
    """The answer to a list request."""
    cursor = None
    if found.next is not None:
        cursor = paging.encode(request.list_name, Cursor(request.question, found.next))
    return {
        "success": asked.success,
        "data": [shape(row) for row in found.rows],
        **_position(request, asked.url, len(found.rows), found.total, cursor),
    }


class _Position(TypedDict):
    links: Links
    meta: Meta


def _position(
    request: ListRequest[Any], url: str, shown: int, total: int, cursor: str | None
) -> _Position:
    window = request.window
    last_page = max(1, -(-total // window.size))
    # The first part by cursor begins where page 1 does; where a later one begins is not known.
    current = 1 if window.page is None and window.after is None else window.page
    start = None if current is None else (current - 1) * window.size + 1
    links: Links
    if window.page is None:
        at = _address(url, request.question, "limit", window.size)
        following = None if cursor is None else f"{at}&cursor={cursor}"
        links = {"first": at, "last": None, "prev": None, "next": following}
        numbered: list[PageLink] = []
    else:
        at = _address(url, request.question, "per_page", window.size)
        links = {
            "first": f"{at}&page=1",
            "last": f"{at}&page={last_page}",
            "prev": f"{at}&page={min(window.page - 1, last_page)}" if window.page > 1 else None,
            "next": f"{at}&page={window.page + 1}" if cursor is not None else None,
        }
        numbered = list(_numbered(at, window.page, last_page))
    meta: Meta = {
        "current_page": current,
        "from": start if shown else None,
        "last_page": last_page,
        "links": [
            {"url": links["prev"], "label": "&laquo; Previous", "active": False},
            *numbered,
            {"url": links["next"], "label": "Next &raquo;", "active": False},
        ],
        "path": url,
        "per_page": window.size,
        "to": start + shown - 1 if shown and start is not None else None,
        "total": total,
        "cursor": cursor,
        "has_more": cursor is not None,
    }
    return {"links": links, "meta": meta}


def _address(url: str, question: Question, size_name: str, size: int) -> str:
    """The list's address with everything but the position."""
    texts = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in question.items()
    }
    return f"{url}?{urlencode({**texts, size_name: size})}"


def _numbered(at: str, current: int, last: int) -> Iterator[PageLink]:
    """The page numbers at both ends and around the current one, with dots in the gaps."""
    around = range(current - NEIGHBOURS, current + NEIGHBOURS + 1)
    shown = sorted(n for n in {1, 2, last - 1, last, *around} if 1 <= n <= last)
    before = 0
    for number in shown:
        if number > before + 1:
            yield {"url": None, "label": "...", "active": False}
        yield {
            "url": f"{at}&page={number}",
            "label": str(number),
            "active": number == current,
        }
        before = number
