"""Rows of a long list that any part of a text finds (decision 22).

What is searched stands in a table of its own, whose index finds trigrams. If few rows are hit the
list is made of them; if many are, it is gone through in its order until enough are found.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from flextell.store.statement import Statement
from flextell.store.transaction import Question, Transaction, among, array
from flextell.tenants import search
from flextell.tenants.paging import Value

Values = dict[str, Any]

# Sorting so many rows takes as long as going through a list where one row in many is found.
FEW = 2500
_KINDS = {int: "bigint", str: "text"}


@dataclass(frozen=True, slots=True)
class SearchTable:
    """Where `search_text` is kept, a blank before it, and the column with the id of its row."""

    name: str
    row_id: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a whole list: FROM what, WHERE what, and the values that are named there.

    `anew`: what is asked of them is planned for these very values.
    """

    source: str
    condition: str
    values: Values
    anew: bool = False

    def narrowed(self, condition: str, values: Values) -> "Rows":
        """Those of them for which this is true too."""
        both = " AND ".join(part for part in (self.condition, condition) if part)
        return replace(self, condition=both, values={**self.values, **values})

    def question(self, sql: str, **more: Value) -> Question:
        """SQL about them, and its values."""
        values = {**self.values, **more}
        types = tuple((name, _KINDS[type(value)]) for name, value in values.items())
        return _statement(sql, types, anew=self.anew), values


@lru_cache(maxsize=512)
def _statement(sql: str, types: tuple[tuple[str, str], ...], *, anew: bool) -> Statement:
    """One for each text: those that ask the same share what they ask."""
    return Statement(sql, dict(types), anew=anew)


@dataclass(frozen=True, slots=True)
class Hits:
    """Where a search found something, and the column that says in which row of the list."""

    row_id: str
    rows: Rows

    @property
    def ids(self) -> str:
        """The rows of the list, in SQL."""
        return f"SELECT {self.row_id} FROM {self.rows.source} WHERE {self.rows.condition}"


def containing(text: str) -> str:
    """The pattern of a text anywhere in a column, for `LIKE :name ESCAPE '!'`."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"


def hits_of(table: SearchTable, text: str, tenant_id: Value) -> Hits:
    """Where a text is found."""
    pattern = containing(text if search.is_long(text) else f" {text.lstrip()}")
    is_found = "s.tenant_id = :tenant_id AND s.search_text LIKE :pattern ESCAPE '!'"
    values = {"tenant_id": tenant_id, "pattern": pattern}
    return Hits(f"s.{table.row_id}", Rows(f"{table.name} s", is_found, values, anew=True))


def searched(sql: Transaction, hits: Hits, row_id: str, rows: Rows) -> tuple[Rows, Rows]:
    """Those of the rows that were hit: as they are gone through in order, and as they are counted.

    Many are counted from the search table on, for that goes through hits alone.
    """
    rows = replace(rows, anew=True)
    [found] = sql.several(hits.rows.question(f"{hits.ids} LIMIT :most", most=FEW + 1))
    if len(found) <= FEW:
        few = rows.narrowed(f"{row_id} IN each(:found)", {"found": array(row[0] for row in found)})
        return few, few
    joined = replace(
        rows, source=f"{rows.source} JOIN {hits.rows.source} ON {hits.row_id} = {row_id}"
    )
    return (
        joined.narrowed(hits.rows.condition, hits.rows.values),
        rows.narrowed(among(sql, row_id, hits.ids), hits.rows.values),
    )
