"""Notes about customers, kept. Every statement here names the tenant."""

from flextell.store import listing, trash
from flextell.store.listing import Column, Listing, Part
from flextell.store.searching import containing
from flextell.store.transaction import Row, Transaction
from flextell.tenants.customers import folded
from flextell.tenants.lists import ListQuery
from flextell.tenants.model import Named, OutsideTenant
from flextell.tenants.notes import SORTED_CHARACTERS, Note
from flextell.tenants.paging import Found

_SHOWN = (
    "n.note_id, n.customer_id, n.content, n.person_id, p.name, "
    "n.created_at, n.updated_at, n.deleted_at"
)
_JOINS = "JOIN people p ON p.person_id = n.person_id"
_LIST = Listing(
    source="notes n",
    within="n.tenant_id = :tenant_id AND n.customer_id = :customer_id",
    row_id="n.note_id",
    columns=_SHOWN,
    joins=_JOINS,
    living="n.deleted_at IS NULL",
    sorts={
        "content": Column(f"substr(n.content, 1, {SORTED_CHARACTERS})"),
        "created_at": Column("n.created_at"),
        "updated_at": Column("n.updated_at"),
    },
    filters={"search": "n.search_text LIKE :search ESCAPE '!'"},
)


class SqlNotes:
    """`port.Notes` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def find(self, tenant_id: int, customer_id: int, query: ListQuery) -> Found[Note]:
        search = None if query.search is None else containing(query.search)
        part = Part(query.sort, query.order, query.window, {"search": search}, query.trashed)
        found = listing.find(self._sql, _LIST, part, tenant_id=tenant_id, customer_id=customer_id)
        return Found(tuple(_note(row) for row in found.rows), found.next, found.total)

    def get(
        self, tenant_id: int, customer_id: int, note_id: int, *, trashed: bool = False
    ) -> Note | None:
        living = "" if trashed else " AND n.deleted_at IS NULL"
        row = self._sql.one(
            f"SELECT {_SHOWN} FROM notes n {_JOINS} WHERE n.tenant_id = :tenant_id "
            f"AND n.customer_id = :customer_id AND n.note_id = :note_id{living}",
            tenant_id=tenant_id,
            customer_id=customer_id,
            note_id=note_id,
        )
        return None if row is None else _note(row)

    def add(self, tenant_id: int, customer_id: int, person_id: int, content: str, now: int) -> int:
        row = self._sql.one(
            "INSERT INTO notes (tenant_id, customer_id, person_id, content, search_text, "
            "created_at, updated_at) SELECT c.tenant_id, c.customer_id, m.person_id, :content, "
            ":search_text, :now, :now FROM customers c JOIN memberships m "
            "ON m.tenant_id = c.tenant_id WHERE c.tenant_id = :tenant_id "
            "AND c.customer_id = :customer_id AND m.person_id = :person_id "
            "AND m.deleted_at IS NULL RETURNING note_id",
            tenant_id=tenant_id,
            customer_id=customer_id,
            person_id=person_id,
            content=content,
            search_text=folded(content),
            now=now,
        )
        if row is None:
            raise OutsideTenant
        return int(row[0])

    def put(self, tenant_id: int, note: Note, now: int) -> None:
        self._sql.run(
            "UPDATE notes SET content = :content, search_text = :search_text, "
            "person_id = :person_id, updated_at = :now WHERE tenant_id = :tenant_id "
            "AND customer_id = :customer_id AND note_id = :note_id",
            tenant_id=tenant_id,
            customer_id=note.customer_id,
            note_id=note.note_id,
            content=note.content,
            search_text=folded(note.content),
            person_id=note.author.id,
            now=now,
        )

    def delete(self, tenant_id: int, customer_id: int, note_id: int, now: int) -> bool:
        ids = {"tenant_id": tenant_id, "customer_id": customer_id, "note_id": note_id}
        return trash.hide(self._sql, "notes", now, **ids)

    def restore(self, tenant_id: int, customer_id: int, note_id: int, now: int) -> bool:
        ids = {"tenant_id": tenant_id, "customer_id": customer_id, "note_id": note_id}
        return trash.show(self._sql, "notes", now, **ids)


def _note(row: Row) -> Note:
    note_id, customer_id, content, person_id, name, created_at, updated_at, deleted_at = row
    author = Named(person_id, name)
    return Note(note_id, customer_id, content, author, created_at, updated_at, deleted_at)
