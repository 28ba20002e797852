"""What is known of files, kept, and the names of bytes that are to go.

Every statement here names the tenant, but for the one that finds what is to go.
"""

from collections.abc import Collection

from flextell.store import listing
from flextell.store.listing import Column, Listing, Part
from flextell.store.port import LooseContent
from flextell.store.transaction import Row, Transaction
from flextell.tenants.files import SORT_KEYS, File, Fileable, FileQuery, NewFile, NoRoom
from flextell.tenants.paging import Found, Window

_SHOWN = (
    "f.file_id, f.tenant_id, f.name, f.description, f.type, f.mime_type, f.size, f.sha256, "
    "f.group_id, f.fileable_type, f.fileable_id, f.stored_as, f.created_at, f.updated_at, "
    "f.deleted_at"
)
_LIST = Listing(
    source="files f",
    within="f.tenant_id = :tenant_id",
    row_id="f.file_id",
    columns=_SHOWN,
    living="f.deleted_at IS NULL",
    sorts={key: Column(f"f.{key}") for key in SORT_KEYS},
    filters={
        "type": "f.type = :type",
        "fileable_type": "f.fileable_type = :fileable_type",
        "fileable_id": "f.fileable_id = :fileable_id",
    },
)
_GROUPED = Listing(
    source="files f",
    within=(
        "f.tenant_id = :tenant_id AND f.fileable_type = :fileable_type "
        "AND f.fileable_id = :fileable_id"
    ),
    row_id="f.file_id",
    columns=_SHOWN,
    living="f.deleted_at IS NULL",
    sorts={"group_id": Column("f.group_id")},
)


class SqlFiles:
    """`port.Files` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def expect(self, tenant_id: int, stored_as: str, remove_at: int) -> None:
        self._sql.run(
            "INSERT INTO loose_contents (stored_as, tenant_id, size, remove_at) "
            "VALUES (:stored_as, :tenant_id, 0, :remove_at)",
            stored_as=stored_as,
            tenant_id=tenant_id,
            remove_at=remove_at,
        )

    def add(self, tenant_id: int, new: NewFile, most_bytes: int, now: int) -> int:
        self._take(tenant_id, new.content.stored_as)
        self._use(tenant_id, new.content.size, most_bytes)
        [(file_id,)] = self._sql.all(
            "INSERT INTO files (tenant_id, name, description, type, mime_type, size, sha256, "
            "group_id, fileable_type, fileable_id, stored_as, person_id, created_at, updated_at) "
            "VALUES (:tenant_id, :name, :description, :type, :mime_type, :size, :sha256, "
            ":group_id, :fileable_type, :fileable_id, :stored_as, :person_id, :now, :now) "
            "RETURNING file_id",
            tenant_id=tenant_id,
            name=new.name,
            description=new.description,
            type=new.type,
            mime_type=new.content.mime_type,
            size=new.content.size,
            sha256=new.content.sha256,
            group_id=new.group_id,
            fileable_type=new.fileable.kind,
            fileable_id=new.fileable.id,
            stored_as=new.content.stored_as,
            person_id=new.person_id,
            now=now,
        )
        return int(file_id)

    def get(self, tenant_id: int, file_id: int) -> File | None:
        row = self._sql.one(
            f"SELECT {_SHOWN} FROM files f WHERE f.tenant_id = :tenant_id "
            "AND f.file_id = :file_id AND f.deleted_at IS NULL",
            tenant_id=tenant_id,
            file_id=file_id,
        )
        return None if row is None else _file(row)

    def several(self, tenant_id: int, file_ids: Collection[int]) -> dict[int, File]:
        if not file_ids:
            return {}
        named = {f"id{number}": file_id for number, file_id in enumerate(file_ids)}
        rows = self._sql.all(
            f"SELECT {_SHOWN} FROM files f WHERE f.tenant_id = :tenant_id "
            f"AND f.deleted_at IS NULL AND f.file_id IN (:{', :'.join(named)})",
            tenant_id=tenant_id,
            **named,
        )
        return {row[0]: _file(row) for row in rows}

    def find(self, tenant_id: int, query: FileQuery) -> Found[File]:
        asked = query.filters
        filters = {
            "type": asked.type,
            "fileable_type": asked.fileable_type,
            "fileable_id": asked.fileable_id,
        }
        part = Part(query.key, query.order, query.window, filters, asked.trashed)
        return _found(listing.find(self._sql, _LIST, part, tenant_id=tenant_id))

    def grouped(self, tenant_id: int, fileable: Fileable, window: Window) -> Found[File]:
        return _found(
            listing.find(
                self._sql,
                _GROUPED,
                Part("group_id", "asc", window),
                tenant_id=tenant_id,
                fileable_type=fileable.kind,
                fileable_id=fileable.id,
            )
        )

    def delete(self, tenant_id: int, file_id: int, now: int, remove_at: int) -> bool:
        deleted = self._sql.one(
            "UPDATE files SET deleted_at = :now, updated_at = :now WHERE tenant_id = :tenant_id "
            "AND file_id = :file_id AND deleted_at IS NULL RETURNING stored_as, size",
            tenant_id=tenant_id,
            file_id=file_id,
            now=now,
        )
        if deleted is None:
            return False
        self._sql.run(
            "INSERT INTO loose_contents (stored_as, tenant_id, size, file_id, remove_at) "
            "VALUES (:stored_as, :tenant_id, :size, :file_id, :remove_at)",
            stored_as=deleted[0],
            tenant_id=tenant_id,
            size=deleted[1],
            file_id=file_id,
            remove_at=remove_at,
        )
        return True

    def due(self, now: int, most: int) -> list[LooseContent]:
        rows = self._sql.all(
            "SELECT tenant_id, stored_as FROM loose_contents WHERE remove_at <= :now "
            "ORDER BY remove_at LIMIT :most",
            now=now,
            most=most,
        )
        return [LooseContent(*row) for row in rows]

    def forget(self, content: LooseContent) -> None:
        names = {"tenant_id": content.tenant_id, "stored_as": content.stored_as}
        gone = self._sql.one(
            "DELETE FROM loose_contents WHERE stored_as = :stored_as AND tenant_id = :tenant_id "
            "RETURNING size, file_id",
            **names,
        )
        if gone is None or gone[1] is None:
            return
        self._sql.run(
            "UPDATE files SET stored_as = NULL WHERE tenant_id = :tenant_id AND file_id = :file_id",
            tenant_id=content.tenant_id,
            file_id=gone[1],
        )
        self._sql.run(
            "UPDATE file_usage SET bytes = bytes - :size WHERE tenant_id = :tenant_id",
            tenant_id=content.tenant_id,
            size=gone[0],
        )

    def _take(self, tenant_id: int, stored_as: str) -> None:
        taken = self._sql.run(
            "DELETE FROM loose_contents WHERE stored_as = :stored_as AND tenant_id = :tenant_id "
            "AND file_id IS NULL",
            stored_as=stored_as,
            tenant_id=tenant_id,
        )
        if taken != 1:
            raise LookupError("these bytes are not expected, or no longer there")

    def _use(self, tenant_id: int, size: int, most_bytes: int) -> None:
        """Count the bytes, if there is room for them."""
        self._sql.run(
            "INSERT INTO file_usage (tenant_id, bytes) VALUES (:tenant_id, 0) "
            "ON CONFLICT (tenant_id) DO NOTHING",
            tenant_id=tenant_id,
        )
        counted = self._sql.run(
            "UPDATE file_usage SET bytes = bytes + :size WHERE tenant_id = :tenant_id "
            "AND (bytes + :size <= :most_bytes OR :most_bytes = 0)",
            tenant_id=tenant_id,
            size=size,
            most_bytes=most_bytes,
        )
        if counted == 0:
            raise NoRoom


def _found(found: Found[Row]) -> Found[File]:
    return Found(tuple(_file(row) for row in found.rows), found.next, found.total)


def _file(row: Row) -> File:
    return File(
        file_id=row[0],
        tenant_id=row[1],
        name=row[2],
        description=row[3],
        type=row[4],
        mime_type=row[5],
        size=row[6],
        sha256=bytes(row[7]),
        group_id=row[8],
        fileable=Fileable(row[9], row[10]),
        stored_as=row[11],
        created_at=row[12],
        updated_at=row[13],
        deleted_at=row[14],
    )
