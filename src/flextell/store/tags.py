"""Tags, kept. Every statement here names the tenant."""

from collections.abc import Mapping
from typing import Any

from flextell.store import listing, trash
from flextell.store.listing import Column, Listing, Part
from flextell.store.searching import containing
from flextell.store.transaction import Transaction
from flextell.tenants.customers import folded
from flextell.tenants.lists import ListQuery
from flextell.tenants.model import Tag
from flextell.tenants.paging import Found
from flextell.tenants.tags import SORT_KINDS, NameTaken, unique_name

_SHOWN = "t.tag_id, t.tenant_id, t.name, t.color, t.created_at, t.updated_at, t.deleted_at"
# Names go by their letters, not by their case.
_SORTED = {"name": "coalesce(t.unique_name, t.name)"}
_LIST = Listing(
    source="tags t",
    within="t.tenant_id = :tenant_id",
    row_id="t.tag_id",
    columns=_SHOWN,
    living="t.deleted_at IS NULL",
    sorts={key: Column(_SORTED.get(key, f"t.{key}")) for key in SORT_KINDS},
    # Those that were made before this was kept are found by everything but their accents.
    filters={"search": "coalesce(t.search_text, t.unique_name, t.name) LIKE :search ESCAPE '!'"},
)


class SqlTags:
    """`port.Tags` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def find(self, tenant_id: int, query: ListQuery) -> Found[Tag]:
        search = None if query.search is None else containing(query.search)
        part = Part(query.sort, query.order, query.window, {"search": search}, query.trashed)
        found = listing.find(self._sql, _LIST, part, tenant_id=tenant_id)
        return Found(tuple(Tag(*row) for row in found.rows), found.next, found.total)

    def get(self, tenant_id: int, tag_id: int, *, trashed: bool = False) -> Tag | None:
        living = "" if trashed else " AND t.deleted_at IS NULL"
        row = self._sql.one(
            f"SELECT {_SHOWN} FROM tags t "
            f"WHERE t.tenant_id = :tenant_id AND t.tag_id = :tag_id{living}",
            tenant_id=tenant_id,
            tag_id=tag_id,
        )
        return None if row is None else Tag(*row)

    def add(self, tenant_id: int, name: str, color: str, now: int) -> int:
        self._claim_name(tenant_id, name)
        [(tag_id,)] = self._sql.all(
            "INSERT INTO tags (tenant_id, name, unique_name, search_text, color, created_at, "
            "updated_at) VALUES (:tenant_id, :name, :unique_name, :search_text, :color, :now, "
            ":now) RETURNING tag_id",
            tenant_id=tenant_id,
            name=name,
            unique_name=unique_name(name),
            search_text=folded(name),
            color=color,
            now=now,
        )
        return int(tag_id)

    def change(self, tenant_id: int, tag_id: int, changes: Mapping[str, Any], now: int) -> None:
        kept = dict(changes)
        if name := changes.get("name"):
            self._claim_name(tenant_id, name, tag_id)
            kept |= {"unique_name": unique_name(name), "search_text": folded(name)}
        assigned = "".join(f"{column} = :{column}, " for column in kept)
        self._sql.run(
            f"UPDATE tags SET {assigned}updated_at = :now "
            "WHERE tenant_id = :tenant_id AND tag_id = :tag_id",
            tenant_id=tenant_id,
            tag_id=tag_id,
            now=now,
            **kept,
        )

    def delete(self, tenant_id: int, tag_id: int, now: int) -> bool:
        return trash.hide(self._sql, "tags", now, tenant_id=tenant_id, tag_id=tag_id)

    def restore(self, tenant_id: int, tag_id: int, now: int) -> bool:
        tag = self.get(tenant_id, tag_id, trashed=True)
        if tag is None:
            return False
        self._claim_name(tenant_id, tag.name, tag_id)
        return trash.show(self._sql, "tags", now, tenant_id=tenant_id, tag_id=tag_id)

    def _claim_name(self, tenant_id: int, name: str, tag_id: int = 0) -> None:
        """Raises NameTaken if another living tag has the name; others wait until this unit ends."""
        self._sql.one(
            "SELECT 1 FROM tenants WHERE tenant_id = :tenant_id FOR NO KEY UPDATE",
            tenant_id=tenant_id,
        )
        taken = self._sql.one(
            "SELECT 1 FROM tags WHERE tenant_id = :tenant_id AND unique_name = :unique_name "
            "AND deleted_at IS NULL AND tag_id <> :tag_id",
            tenant_id=tenant_id,
            unique_name=unique_name(name),
            tag_id=tag_id,
        )
        if taken is not None:
            raise NameTaken
