"""Files are kept the same on both databases, stay behind their wall, and keep to their room."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from flextell.store.port import LooseContent, Store, Unit
from flextell.tenants.files import (
    SORT_KEYS,
    Content,
    File,
    Fileable,
    FileFilters,
    FileQuery,
    NewFile,
    NoRoom,
)
from flextell.tenants.model import TenantDetails
from flextell.tenants.paging import After, Found, SortOrder, Window
from tests.store.samples import DAY, NOON

ADA = Fileable("customer", 7)
X_RAY = NewFile(
    name="x-ray.png",
    description="Upper left",
    type="image",
    group_id="jaw",
    fileable=ADA,
    content=Content("", 100, b"\x07" * 32, "image/png"),
    person_id=None,
)


def a_tenant(unit: Unit) -> int:
    """A new tenant."""
    return unit.tenants.add(TenantDetails("Clinic"), NOON)


def add(unit: Unit, tenant_id: int, name: str, new: NewFile = X_RAY, most: int = 0) -> int:
    """Add a file whose bytes lie under a name."""
    unit.files.expect(tenant_id, name, NOON + DAY)
    content = replace(new.content, stored_as=name)
    return unit.files.add(tenant_id, replace(new, content=content), most, NOON)


def walk(find: Callable[[Window], Found[File]], size: int) -> list[File]:
    """A whole list, part by part."""
    met: list[File] = []
    after: After | None = None
    while True:
        found = find(Window(size, None, after))
        met += found.rows
        after = found.next
        if after is None:
            return met


def found_in(
    unit: Unit, tenant_id: int, query: Callable[[Window], FileQuery], window: Window
) -> Found[File]:
    """A part of the list."""
    return unit.files.find(tenant_id, query(window))


def test_a_file_comes_back_as_it_was_kept_if_its_bytes_were_expected(store: Store) -> None:
    def keep(unit: Unit) -> None:
        tenant_id, other = a_tenant(unit), a_tenant(unit)
        file_id = add(unit, tenant_id, "aa")

        kept = unit.files.get(tenant_id, file_id)
        assert kept is not None
        assert (kept.name, kept.description, kept.type) == ("x-ray.png", "Upper left", "image")
        assert (kept.stored_as, kept.size, kept.mime_type) == ("aa", 100, "image/png")
        assert (kept.sha256, kept.group_id, kept.fileable) == (b"\x07" * 32, "jaw", ADA)
        assert (kept.created_at, kept.updated_at, kept.deleted_at) == (NOON, NOON, None)
        assert unit.files.find(tenant_id, FileQuery()).rows == (kept,)
        assert unit.files.grouped(tenant_id, ADA, Window()).rows == (kept,)

        assert unit.files.get(other, file_id) is None
        assert unit.files.find(other, FileQuery()).rows == ()
        assert unit.files.grouped(other, ADA, Window()).rows == ()
        assert not unit.files.delete(other, file_id, NOON, NOON)

    def take(unit: Unit) -> None:
        tenant_id, other = a_tenant(unit), a_tenant(unit)
        unit.files.expect(other, "theirs", NOON)
        taken = add(unit, tenant_id, "deleted")
        unit.files.delete(tenant_id, taken, NOON, NOON)
        for name in ("nowhere", "theirs", "deleted"):
            new = replace(X_RAY, content=replace(X_RAY.content, stored_as=name))
            with pytest.raises(LookupError):
                unit.files.add(tenant_id, new, 0, NOON)

    store.at_once(keep)
    store.at_once(take)


def test_a_list_is_whole_in_every_order_and_narrowed_as_asked(store: Store) -> None:
    def walk_all(unit: Unit) -> None:
        tenant_id = a_tenant(unit)
        for number, name in enumerate("bacab"):
            content = replace(X_RAY.content, size=number % 2)
            new = replace(X_RAY, name=name, content=content, group_id=name)
            add(unit, tenant_id, f"s{number}", new)
        orders: tuple[SortOrder, ...] = ("asc", "desc")
        for key, order, size in itertools.product(SORT_KEYS, orders, (1, 2, 5)):
            query = partial(FileQuery, FileFilters(), key, order)
            whole = unit.files.find(tenant_id, query()).rows
            found = walk(partial(found_in, unit, tenant_id, query), size)
            assert (tuple(found), len(set(found))) == (whole, 5)
        groups = walk(partial(unit.files.grouped, tenant_id, ADA), 2)
        assert [file.group_id for file in groups] == ["a", "a", "b", "b", "c"]

    def find(unit: Unit) -> None:
        tenant_id = a_tenant(unit)
        add(unit, tenant_id, "aa")
        audio = add(unit, tenant_id, "bb", replace(X_RAY, type="audio"))
        logo = add(unit, tenant_id, "cc", replace(X_RAY, fileable=Fileable("tenant", 7)))
        gone = add(unit, tenant_id, "dd")
        unit.files.delete(tenant_id, gone, NOON, NOON)

        def found(**filters: object) -> list[int]:
            query = FileQuery(FileFilters(**filters), order="asc")  # type: ignore[arg-type]
            return [file.file_id for file in unit.files.find(tenant_id, query).rows]

        assert found(type="audio") == [audio]
        assert found(fileable_type="tenant") == [logo]
        assert found(fileable_id=7, type="audio") == [audio]
        assert found(fileable_id=8) == []
        assert gone not in found()
        assert gone in found(trashed=True)

    store.at_once(walk_all)
    store.at_once(find)


def test_bytes_are_to_go_until_a_file_has_them_and_again_when_it_is_deleted(store: Store) -> None:
    def live(unit: Unit) -> None:
        tenant_id = a_tenant(unit)
        soon, late = NOON + DAY, NOON + 2 * DAY
        unit.files.expect(tenant_id, "never", soon)
        file_id = add(unit, tenant_id, "aa", most=100)
        assert unit.files.due(soon - 1, 10) == []
        assert unit.files.due(soon, 10) == [LooseContent(tenant_id, "never")]
        unit.files.forget(LooseContent(tenant_id, "never"))

        assert unit.files.delete(tenant_id, file_id, NOON, late)
        assert not unit.files.delete(tenant_id, file_id, NOON, late)
        assert unit.files.get(tenant_id, file_id) is None
        assert unit.files.due(late - 1, 10) == []
        assert unit.files.due(late, 10) == [LooseContent(tenant_id, "aa")]
        unit.files.forget(LooseContent(tenant_id, "aa"))
        unit.files.forget(LooseContent(tenant_id, "aa"))

        assert unit.files.due(late, 10) == []
        (shown,) = unit.files.find(tenant_id, FileQuery(FileFilters(trashed=True))).rows
        assert (shown.stored_as, shown.deleted_at) == (None, NOON)
        add(unit, tenant_id, "bb", most=100)  # There is room for it again, and just once.

    store.at_once(live)


def test_of_many_at_once_those_go_in_for_whom_there_is_room(store: Store) -> None:
    tenant_id, other = store.at_once(a_tenant), store.at_once(a_tenant)

    def one(number: int) -> bool:
        try:
            store.at_once(lambda unit: add(unit, tenant_id, f"s{number}", most=350))
        except NoRoom:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(one, range(8))) == [False] * 5 + [True] * 3
    store.at_once(lambda unit: add(unit, other, "theirs", most=100))
