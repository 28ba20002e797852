"""Which part of a list is asked for, by page number or after a cursor (wire §e 2).

A cursor is opaque to clients: `cursor_` and base64url of a small JSON object that says which
list it belongs to, the filters and the sort it was made under, and the last row it has seen.
It needs no seal: it only ever says where to continue, and every query keeps to its tenant.

    PagingProblem    400
    ├── PagingMix       page numbers and cursors in one request
    └── ForeignCursor   broken, of another list, or made under other filters
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import orjson

from flextell.tenants.model import LARGEST_ID

DEFAULT_SIZE = 20
MAXIMUM_SIZE = 100
# The product of both stays far below 64 bits.
MAXIMUM_PAGE = 2**31 - 1
MAXIMUM_CURSOR_CHARACTERS = 8192
# A list is counted no further: the total of a longer one says at least so many.
MOST_COUNTED = 10_000

_PREFIX = "cursor_"

T = TypeVar("T")
Value = str | int | None
SortOrder = Literal["asc", "desc"]
Question = Mapping[str, str | int | bool]


class PagingProblem(Exception):
    """The paging parameters make no sense; the text is for the client's developer."""


class PagingMix(PagingProblem):
    """Two ways of paging in one request."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"The parameters {first} and {second} cannot be used together.")


class ForeignCursor(PagingProblem):
    """Not a cursor that this list gave for this question."""

    def __init__(self) -> None:
        super().__init__(
            "The parameter cursor is broken or was made for another list, filter or sort order. "
            "Start again without it."
        )


@dataclass(frozen=True, slots=True)
class After:
    """The last row seen: its sort value and its id."""

    value: Value
    row_id: int


@dataclass(frozen=True, slots=True)
class Window:
    """So many rows of a page (counted from 1), or after a row; `page` is None in cursor mode."""

    size: int = DEFAULT_SIZE
    page: int | None = 1
    after: After | None = None

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return 0 if self.page is None else (self.page - 1) * self.size


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """Rows of a window, what the next one is after (None: nothing is left), and how many in all.

    A total of `MOST_COUNTED` may be more.
    """

    rows: tuple[T, ...]
    next: After | None
    total: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a cursor carries."""

    question: Question
    after: After


def window(
    *, page: int | None, per_page: int | None, limit: int | None, after: After | None
) -> Window:
    """The part asked for; numbers are in range already. Raises PagingMix."""
    if page is not None and after is not None:
        raise PagingMix("page", "cursor")
    if page is not None and limit is not None:
        raise PagingMix("page", "limit")
    if per_page is not None and limit is not None:
        raise PagingMix("per_page", "limit")
    if after is None and limit is None:
        return Window(per_page or DEFAULT_SIZE, page or 1)
    return Window(limit or per_page or DEFAULT_SIZE, None, after)


def order_of(key: str | None, order: SortOrder | None) -> SortOrder:
    """The order asked for: the newest first unless there is a sort key, then ascending."""
    return order or ("desc" if key is None else "asc")


def check_after(after: After, kind: type, *, nullable: bool = False) -> After:
    """The same, if its value is of the kind of the sort key's. Raises ForeignCursor."""
    if isinstance(after.value, kind) or (nullable and after.value is None):
        return after
    raise ForeignCursor


def part(rows: Sequence[T], window: Window, row_id: Callable[[T], int]) -> Found[T]:
    """The part that is asked for of a short list that is at hand, in the order of its ids."""
    last = window.after.row_id if window.after else 0
    left = [row for row in rows if row_id(row) > last][window.offset :]
    shown = tuple(left[: window.size])
    following = After(None, row_id(shown[-1])) if len(left) > window.size else None
    return Found(shown, following, len(rows))


def encode(list_name: str, cursor: Cursor) -> str:
    """The cursor as the wire carries it."""
    content = orjson.dumps(
        {
            "list": list_name,
            "for": dict(cursor.question),
            "value": cursor.after.value,
            "id": cursor.after.row_id,
        }
    )
    return _PREFIX + urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def decode(list_name: str, text: str) -> Cursor:
    """What `encode` put into a cursor of this list. Raises ForeignCursor.

    The types of `question` and of the value are the caller's to check.
    """
    if not text.startswith(_PREFIX) or len(text) > MAXIMUM_CURSOR_CHARACTERS:
        raise ForeignCursor
    encoded = text.removeprefix(_PREFIX)
    try:
        content = orjson.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        raise ForeignCursor from None
    match content:
        case {"list": str(name), "for": dict(question), "value": value, "id": int(row_id)} if (
            name == list_name and len(content) == 4 and _is_value(value) and _is_number(row_id)
        ):
            return Cursor(question, After(value, row_id))
    raise ForeignCursor


def _is_number(value: object) -> bool:
    return type(value) is int and -LARGEST_ID <= value <= LARGEST_ID


def _is_value(value: object) -> bool:
    """Whether a database can compare with it: PostgreSQL's text holds no NUL."""
    return value is None or _is_number(value) or (type(value) is str and "\0" not in value)
