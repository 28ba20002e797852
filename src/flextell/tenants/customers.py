"""What a list of customers can be asked for, as checked values."""

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from flextell.tenants import paging
from flextell.tenants.model import Gender
from flextell.tenants.paging import After, SortOrder, Window

SortKey = Literal["first_name", "last_name", "date_of_birth", "gender", "created_at", "updated_at"]

SORT_KEYS: tuple[SortKey, ...] = get_args(SortKey)
TIMES: frozenset[SortKey] = frozenset({"date_of_birth", "created_at", "updated_at"})
# Customers without one come last, whichever the order.
NULLABLE: frozenset[SortKey] = frozenset({"date_of_birth", "gender"})

MAXIMUM_AGE = 150
MAXIMUM_SEARCH_CHARACTERS = 255

_DOTLESS_I = "\N{LATIN SMALL LETTER DOTLESS I}"


class AgesCrossed(Exception):
    """The youngest age asked for is above the oldest; the text is for the client's developer."""

    def __init__(self) -> None:
        super().__init__("The parameter min_age must not be greater than max_age.")


@dataclass(frozen=True, slots=True)
class CustomerFilters:
    """Which customers. `born_from` and `born_before` are seconds; deleted ones only on demand."""

    search: str | None = None
    gender: Gender | None = None
    born_from: int | None = None
    born_before: int | None = None
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class CustomerSort:
    """In which order; ties go by id, in the same direction."""

    key: SortKey = "created_at"
    order: SortOrder = "desc"


@dataclass(frozen=True, slots=True)
class CustomerQuery:
    """Which customers, in which order, and which part of them."""

    filters: CustomerFilters = field(default_factory=CustomerFilters)
    sort: CustomerSort = field(default_factory=CustomerSort)
    window: Window = field(default_factory=Window)


def sorting(key: SortKey | None, order: SortOrder | None) -> CustomerSort:
    """The order asked for: the newest first unless something else is, then ascending."""
    return CustomerSort(key or "created_at", paging.order_of(key, order))


def filters(
    *,
    search: str | None,
    gender: Gender | None,
    min_age: int | None,
    max_age: int | None,
    trashed: bool | None,
    now: int,
) -> CustomerFilters:
    """The filters asked for; ages are whole years at `now`. Raises AgesCrossed."""
    if min_age is not None and max_age is not None and min_age > max_age:
        raise AgesCrossed
    return CustomerFilters(
        search=folded(search) if search else None,
        gender=gender,
        born_from=None if max_age is None else end_of_day_years_ago(now, max_age + 1),
        born_before=None if min_age is None else end_of_day_years_ago(now, min_age),
        trashed=bool(trashed),
    )


def end_of_day_years_ago(now: int, years: int) -> int:
    """The end of today's date so many years ago: who was born before it is that old (UTC).

    On 29 February that is 28 February in other years: nobody born on 1 March is older yet.
    """
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        then = today.replace(year=today.year - years)
    except ValueError:
        then = today.replace(year=today.year - years, day=28)
    return int((then + timedelta(days=1)).timestamp())


def check_after(after: After, key: SortKey) -> After:
    """The same, if its value is one of this sort key. Raises ForeignCursor."""
    return paging.check_after(after, int if key in TIMES else str, nullable=key in NULLABLE)


def search_text(first_name: str, last_name: str, phone_number: str, email: str | None) -> str:
    """What the search looks in, folded; a space keeps the words of two fields apart."""
    return folded(f"{first_name} {last_name} {phone_number} {email or ''}".strip())


def folded(text: str) -> str:
    """Text without case and accents, the same on every database: `Çelik` is found by `CELIK`.

    The Turkish dotless i has no decomposition, so it is named here.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return bare.casefold().replace(_DOTLESS_I, "i")
