"""A list is the same whichever way it is read, on both databases."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from flextell.settings import Settings
from flextell.store import listing
from flextell.store.listing import Column, Listing, Part
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store, Unit
from flextell.store.transaction import Row, Transaction
from flextell.tenants.paging import MOST_COUNTED, Found, SortOrder, Window

# What is sorted by, where empty ones come last; the name says where each belongs, ascending.
PLACES = [(name, kind) for kind in ("city", "country", "district") for name in ("b", "a", "b")]
LIST = Listing(
    source="places p",
    within="p.place_id > :least",
    row_id="p.place_id",
    columns="p.name, p.kind",
    sorts={"name": Column("p.name"), "city": Column("nullif(p.kind, 'district')", nullable=True)},
    filters={"name": "p.name = :name"},
    living="p.kind <> 'country'",
)
ORDERS: tuple[SortOrder, ...] = ("asc", "desc")


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """A store with a few places in it."""
    settings = Settings(data_dir=tmp_path, database=database_url, issuer="https://localhost:8443")
    migrate(settings)
    opened = open_store(settings)
    opened.at_once(lambda unit: _add(_of(unit)))
    yield opened
    opened.close()


def _of(unit: Unit) -> Transaction:
    transaction: Transaction = unit._transaction  # type: ignore[attr-defined]
    return transaction


def _add(sql: Transaction) -> None:
    for name, kind in PLACES:
        sql.run("INSERT INTO places (name, kind) VALUES (:name, :kind)", name=name, kind=kind)


def read(store: Store, part: Part, least: int = 0) -> Found[Row]:
    """A part of the list."""
    return store.at_once(lambda unit: listing.find(_of(unit), LIST, part, least=least))


def test_pages_and_cursors_show_the_same_list(store: Store) -> None:
    for sort, order, size in itertools.product(LIST.sorts, ORDERS, (1, 2, 4, 20)):
        pages = [
            read(store, Part(sort, order, Window(size, page), trashed=True))
            for page in range(1, len(PLACES) // size + 3)
        ]
        parts = [read(store, Part(sort, order, Window(size, None), trashed=True))]
        while (after := parts[-1].next) is not None:
            window = Window(size, None, after)
            parts.append(read(store, Part(sort, order, window, trashed=True)))

        assert {found.total for found in pages + parts} == {len(PLACES)}
        by_page = [row for found in pages for row in found.rows]
        assert by_page == [row for found in parts for row in found.rows]
        values = [name if sort == "name" else kind for name, kind in by_page]
        there = [value for value in values if value != "district" or sort == "name"]
        assert there == sorted(there, reverse=order == "desc")
        assert values[len(there) :] == ["district"] * (len(PLACES) - len(there))


def test_what_does_not_belong_is_not_counted(store: Store) -> None:
    part = Part("name", "asc", Window(1, 2), {"name": "b"})

    living = read(store, part)

    assert living.total == 4
    assert read(store, Part("name", "asc", Window(1, 2), {"name": None})).total == 6
    assert read(store, part, least=10**9).total == 0


def test_a_list_is_counted_up_to_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_COUNTED == 10_000
    monkeypatch.setattr(listing, "MOST_COUNTED", 3)

    found = read(store, Part("name", "asc", Window(1, 5)))

    assert found.total == 3
    assert found.next is not None
