"""Lists in SQL: a stable order, a part of it by page or after a row, the total (wire §e 2).

A list is described once, in fixed pieces of SQL. Where a sort column may be empty the list has two
stretches: the rows that have a value, then those that have none. Each stretch is one range of an
index on (what `within` names, the column, the id), read forwards or backwards, so a part far down
the list costs no more than the first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flextell.store.searching import Rows, SearchTable, Values, hits_of, searched
from flextell.store.transaction import Question, Row, Transaction
from flextell.tenants.paging import MOST_COUNTED, After, Found, SortOrder, Value, Window

Condition = tuple[str, Values]

# So many rows are passed over in no time.
NEAR = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """What a list can be sorted by. Rows without a value come last, whichever the order."""

    sql: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: where its rows are, whose they are, and how they can be sorted and narrowed.

    `source` is what follows FROM; everything here but `columns` and `joins` speaks of it alone.
    `joins` adds what is only shown: it is looked up for the rows of the answer and no others.
    `within` names the tenant, and `:tenant_id` if there is a `searched`. `living` leaves out what
    was deleted.
    """

    source: str
    within: str
    row_id: str
    columns: str
    sorts: Mapping[str, Column]
    filters: Mapping[str, str] = field(default_factory=dict)
    living: str = ""
    joins: str = ""
    searched: SearchTable | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What is asked of a list; filters without a value do not narrow it, ties go by id.

    `search` is what `Listing.searched` is searched for, folded.
    """

    sort: str
    order: SortOrder
    window: Window
    filters: Mapping[str, Value] = field(default_factory=dict)
    trashed: bool = False
    search: str | None = None


def find(sql: Transaction, listing: Listing, part: Part, **within: Value) -> Found[Row]:
    """The part that is asked for, as rows of `columns`; `within` are the values that it names.

    A part that may be searched for a long time is asked for in a transaction of its own.
    """
    rows = _whole(listing, part, within)
    if part.search is not None or rows.anew or part.window.offset > NEAR:
        sql.takes_long()
    counted_in = rows
    if part.search is not None and listing.searched is not None:
        hits = hits_of(listing.searched, part.search, rows.values["tenant_id"])
        rows, counted_in = searched(sql, hits, listing.row_id, rows)
    found, counted = _window(sql, listing, part, rows, counted_in)
    shown = found[: part.window.size]
    following = After(shown[-1][0], shown[-1][1]) if len(found) > part.window.size else None
    whole = following is None and not part.window.offset and part.window.after is None
    return Found(tuple(row[2:] for row in shown), following, len(shown) if whole else counted)


def _whole(listing: Listing, part: Part, within: Mapping[str, Value]) -> Rows:
    """The whole list that is asked for, but for a search."""
    values = {name: value for name, value in part.filters.items() if value is not None}
    conditions = [listing.within, *(listing.filters[name] for name in values)]
    if listing.living and not part.trashed:
        conditions.append(listing.living)
    # Few may have one value of a filter and many another.
    return Rows(listing.source, " AND ".join(conditions), {**within, **values}, anew=bool(values))


def _window(
    sql: Transaction, listing: Listing, part: Part, rows: Rows, counted_in: Rows
) -> tuple[list[Row], int]:
    """The rows of the window, and one more if there is one; each begins with its position.

    And how many the whole list has, asked together with its first stretch.
    """
    shown, counted = list[Row](), -1
    wanted, offset = part.window.size + 1, part.window.offset
    for stretch in _stretches(listing, part):
        here = rows.narrowed(*stretch)
        page = here.question(_select(listing, part, here), size=wanted, offset=offset)
        if counted < 0:
            found, [(counted,)] = sql.several(page, _counting(counted_in, MOST_COUNTED))
        else:
            [found] = sql.several(page)
        shown += found
        wanted -= len(found)
        if not wanted:
            break
        if offset and not found:
            [[(passed,)]] = sql.several(_counting(here, offset))
            offset -= passed
        else:
            offset = 0
    return shown, counted


def _stretches(listing: Listing, part: Part) -> Iterator[Condition]:
    """The conditions of what is left of the list, stretch after stretch."""
    column, row_id = listing.sorts[part.sort], listing.row_id
    beyond = ">" if part.order == "asc" else "<"
    after = part.window.after
    if after is None:
        yield (f"{column.sql} IS NOT NULL" if column.nullable else ""), {}
    elif after.value is not None:
        position = {"after_value": after.value, "after_id": after.row_id}
        yield f"({column.sql}, {row_id}) {beyond} (:after_value, :after_id)", position
    if after is not None and after.value is None:
        empty = f"{column.sql} IS NULL AND {row_id} {beyond} :after_id"
        yield empty, {"after_id": after.row_id}
    elif column.nullable:
        yield f"{column.sql} IS NULL", {}


def _select(listing: Listing, part: Part, rows: Rows) -> str:
    """First the ids, from an index as far as possible, then what is shown of each."""
    direction = part.order.upper()
    return (
        f"SELECT part.sorted, part.row_id, {listing.columns} FROM ("
        f"SELECT {listing.sorts[part.sort].sql} AS sorted, {listing.row_id} AS row_id "
        f"FROM {rows.source} WHERE {rows.condition} "
        f"ORDER BY 1 {direction}, 2 {direction} LIMIT :size OFFSET :offset) AS part "
        f"JOIN {listing.source} ON {listing.row_id} = part.row_id {listing.joins} "
        f"ORDER BY part.sorted {direction}, part.row_id {direction}"
    )


def _counting(rows: Rows, most: int) -> Question:
    """How many rows there are, counted no further than `most`."""
    counted = f"SELECT 1 FROM {rows.source} WHERE {rows.condition} LIMIT :most"
    return rows.question(f"SELECT count(*) FROM ({counted}) AS c", most=most)
