"""Lists in SQL: a stable order, a part of it by page or after a row, the total (wire §e 2).

A list is described once, in fixed pieces of SQL. Where a sort column may be empty the list has two
stretches: the rows that have a value, then those that have none. Each stretch is one range of an
index on (what `within` names, the column, the id), read forwards or backwards, so a part far down
the list costs no more than the first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from flextell.store.statement import Statement
from flextell.store.transaction import Question, Row, Transaction
from flextell.tenants.paging import MOST_COUNTED, After, Found, SortOrder, Value, Window

Values = dict[str, Any]
Condition = tuple[str, Values]

# So many rows are passed over in no time.
NEAR = 1000
_KINDS = {int: "bigint", str: "text"}


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
    `within` names the tenant. `living` leaves out what was deleted.
    """

    source: str
    within: str
    row_id: str
    columns: str
    sorts: Mapping[str, Column]
    filters: Mapping[str, str] = field(default_factory=dict)
    living: str = ""
    joins: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What is asked of a list; filters without a value do not narrow it, ties go by id."""

    sort: str
    order: SortOrder
    window: Window
    filters: Mapping[str, Value] = field(default_factory=dict)
    trashed: bool = False


def find(sql: Transaction, listing: Listing, part: Part, **within: Value) -> Found[Row]:
    """The part that is asked for, as rows of `columns`; `within` are the values that it names.

    A part that may be searched for a long time is asked for in a transaction of its own.
    """
    where = _narrowed(listing, part, within)
    if len(where[1]) > len(within) or part.window.offset > NEAR:
        sql.takes_long()
    rows, counted = _rows(sql, listing, part, where)
    shown = rows[: part.window.size]
    following = After(shown[-1][0], shown[-1][1]) if len(rows) > part.window.size else None
    whole = following is None and not part.window.offset and part.window.after is None
    return Found(tuple(row[2:] for row in shown), following, len(shown) if whole else counted)


def containing(text: str) -> str:
    """The pattern of a text anywhere in a column, for `LIKE :name ESCAPE '!'`."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"


def _narrowed(listing: Listing, part: Part, within: Mapping[str, Value]) -> Condition:
    """The condition of the whole list that is asked for."""
    values = {name: value for name, value in part.filters.items() if value is not None}
    conditions = [listing.within, *(listing.filters[name] for name in values)]
    if listing.living and not part.trashed:
        conditions.append(listing.living)
    return " AND ".join(conditions), {**within, **values}


def _rows(
    sql: Transaction, listing: Listing, part: Part, where: Condition
) -> tuple[list[Row], int]:
    """The rows of the window, and one more if there is one; each begins with its position.

    And how many the whole list has, asked together with its first stretch.
    """
    rows, counted = list[Row](), -1
    wanted, offset = part.window.size + 1, part.window.offset
    for stretch, position in _stretches(listing, part):
        values = {**where[1], **position}
        here = f"{where[0]}{stretch}", values
        page = _question(_select(listing, part, here[0]), size=wanted, offset=offset, **values)
        if counted < 0:
            found, [(counted,)] = sql.several(page, _counting(listing, where, MOST_COUNTED))
        else:
            [found] = sql.several(page)
        rows += found
        wanted -= len(found)
        if not wanted:
            break
        if offset and not found:
            [[(passed,)]] = sql.several(_counting(listing, here, offset))
            offset -= passed
        else:
            offset = 0
    return rows, counted


def _stretches(listing: Listing, part: Part) -> Iterator[Condition]:
    """The conditions of what is left of the list, stretch after stretch."""
    column, row_id = listing.sorts[part.sort], listing.row_id
    beyond = ">" if part.order == "asc" else "<"
    after = part.window.after
    if after is None:
        yield (f" AND {column.sql} IS NOT NULL" if column.nullable else ""), {}
    elif after.value is not None:
        position = {"after_value": after.value, "after_id": after.row_id}
        yield f" AND ({column.sql}, {row_id}) {beyond} (:after_value, :after_id)", position
    if after is not None and after.value is None:
        empty = f" AND {column.sql} IS NULL AND {row_id} {beyond} :after_id"
        yield empty, {"after_id": after.row_id}
    elif column.nullable:
        yield f" AND {column.sql} IS NULL", {}


def _select(listing: Listing, part: Part, where: str) -> str:
    """First the ids, from an index as far as possible, then what is shown of each."""
    direction = part.order.upper()
    return (
        f"SELECT part.sorted, part.row_id, {listing.columns} FROM ("
        f"SELECT {listing.sorts[part.sort].sql} AS sorted, {listing.row_id} AS row_id "
        f"FROM {listing.source} WHERE {where} "
        f"ORDER BY 1 {direction}, 2 {direction} LIMIT :size OFFSET :offset) AS part "
        f"JOIN {listing.source} ON {listing.row_id} = part.row_id {listing.joins} "
        f"ORDER BY part.sorted {direction}, part.row_id {direction}"
    )


def _counting(listing: Listing, where: Condition, most: int) -> Question:
    """How many rows there are, counted no further than `most`."""
    counted = f"SELECT 1 FROM {listing.source} WHERE {where[0]} LIMIT :most"
    return _question(f"SELECT count(*) FROM ({counted}) AS c", most=most, **where[1])


def _question(sql: str, **values: Value) -> Question:
    return _statement(
        sql, tuple((name, _KINDS[type(value)]) for name, value in values.items())
    ), values


@lru_cache(maxsize=512)
def _statement(sql: str, types: tuple[tuple[str, str], ...]) -> Statement:
    """One for each text: those that ask the same share what they ask."""
    return Statement(sql, dict(types))
