"""Messages, kept in the order in which they came. Every statement here names the tenant.

A conversation may have millions: a part of one is a range of an index, and its length is kept in
the conversation.
"""

from collections.abc import Collection

from flextell.store.transaction import Row, Transaction
from flextell.tenants.messages import Draft, Message
from flextell.tenants.model import Named
from flextell.tenants.paging import After, Found, Window

_SHOWN = (
    "m.message_id, m.conversation_id, m.kind, m.text, m.person_id, author.name, "
    "quoted.text, quoted.deleted_at, m.file_id, m.metadata, m.created_at, m.read_at, "
    "m.external_id, m.edited_at, editor.name, m.deleted_at, deleter.name"
)
_JOINS = (
    "LEFT JOIN people author ON author.person_id = m.person_id "
    "LEFT JOIN people editor ON editor.person_id = m.edited_by "
    "LEFT JOIN people deleter ON deleter.person_id = m.deleted_by "
    "LEFT JOIN messages quoted ON quoted.message_id = m.quoted_id"
)
_HERE = "tenant_id = :tenant_id AND conversation_id = :conversation_id"


class SqlMessages:
    """`port.Messages` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def get(self, tenant_id: int, conversation_id: int, message_id: int) -> Message | None:
        row = self._sql.one(
            f"SELECT {_SHOWN} FROM messages m {_JOINS} WHERE m.tenant_id = :tenant_id "
            "AND m.conversation_id = :conversation_id AND m.message_id = :message_id",
            tenant_id=tenant_id,
            conversation_id=conversation_id,
            message_id=message_id,
        )
        return None if row is None else _message(row)

    def find(self, tenant_id: int, conversation_id: int, window: Window) -> Found[Message]:
        here = {"tenant_id": tenant_id, "conversation_id": conversation_id}
        behind, position = "", {}
        if window.after is not None:
            behind, position = " AND message_id < :after", {"after": window.after.row_id}
        # Ids first: rows that a late page passes over are not looked up.
        rows = self._sql.all(
            f"SELECT {_SHOWN} FROM (SELECT message_id FROM messages WHERE {_HERE}{behind} "
            "ORDER BY message_id DESC LIMIT :size OFFSET :offset) AS part "
            f"JOIN messages m ON m.message_id = part.message_id {_JOINS} "
            "ORDER BY part.message_id DESC",
            size=window.size + 1,
            offset=window.offset,
            **here,
            **position,
        )
        kept = self._sql.one(f"SELECT message_count FROM conversations WHERE {_HERE}", **here)
        shown = tuple(_message(row) for row in rows[: window.size])
        last = shown[-1].message_id if len(rows) > window.size else None
        following = None if last is None else After(last, last)
        return Found(shown, following, kept[0] if kept else 0)

    def add(
        self, tenant_id: int, conversation_id: int, channel_id: int, draft: Draft, now: int
    ) -> int | None:
        here = {"tenant_id": tenant_id, "conversation_id": conversation_id}
        rows = self._sql.all(
            "INSERT INTO messages (tenant_id, conversation_id, channel_id, external_id, "
            "person_id, kind, text, quoted_id, metadata, created_at) VALUES (:tenant_id, "
            ":conversation_id, :channel_id, :external_id, :person_id, :kind, :text, :quoted_id, "
            ":metadata, :now) "
            "ON CONFLICT (channel_id, external_id) DO NOTHING RETURNING message_id",
            **here,
            channel_id=channel_id,
            external_id=draft.external_id,
            person_id=draft.person_id,
            kind=draft.kind,
            text=draft.text,
            quoted_id=draft.quoted_id,
            metadata=draft.metadata,
            now=now,
        )
        if not rows:
            return None
        message_id = int(rows[0][0])
        self._sql.run(
            "UPDATE conversations SET last_message_id = :message_id, active_at = :now, "
            "message_count = message_count + 1, unread_count = unread_count + :unread "
            f"WHERE {_HERE}",
            **here,
            message_id=message_id,
            unread=int(draft.person_id is None),
            now=now,
        )
        return message_id

    def known(self, tenant_id: int, conversation_id: int, ids: Collection[int]) -> frozenset[int]:
        if not ids:
            return frozenset()
        named = {f"id{number}": message_id for number, message_id in enumerate(ids)}
        rows = self._sql.all(
            f"SELECT message_id FROM messages WHERE {_HERE} "
            f"AND message_id IN (:{', :'.join(named)})",
            tenant_id=tenant_id,
            conversation_id=conversation_id,
            **named,
        )
        return frozenset(row[0] for row in rows)

    def exists(self, tenant_id: int, message_id: int) -> bool:
        row = self._sql.one(
            "SELECT 1 FROM messages WHERE tenant_id = :tenant_id AND message_id = :message_id "
            "AND deleted_at IS NULL",
            tenant_id=tenant_id,
            message_id=message_id,
        )
        return row is not None

    def attach(self, tenant_id: int, message_id: int, file_id: int) -> None:
        self._sql.run(
            "UPDATE messages SET file_id = :file_id "
            "WHERE tenant_id = :tenant_id AND message_id = :message_id",
            tenant_id=tenant_id,
            message_id=message_id,
            file_id=file_id,
        )

    def edit(self, message: Message, tenant_id: int, text: str, person_id: int, now: int) -> None:
        self._sql.run(
            "UPDATE messages SET text = :text, edited_at = :now, edited_by = :person_id "
            "WHERE tenant_id = :tenant_id AND message_id = :message_id AND deleted_at IS NULL",
            tenant_id=tenant_id,
            message_id=message.message_id,
            text=text,
            person_id=person_id,
            now=now,
        )

    def delete(self, message: Message, tenant_id: int, person_id: int, now: int) -> None:
        self._sql.run(
            "UPDATE messages SET deleted_at = :now, deleted_by = :person_id "
            "WHERE tenant_id = :tenant_id AND message_id = :message_id AND deleted_at IS NULL",
            tenant_id=tenant_id,
            message_id=message.message_id,
            person_id=person_id,
            now=now,
        )


def _message(row: Row) -> Message:
    message_id, conversation_id, kind, text, person_id, author, quoted, quoted_deleted_at = row[:8]
    file_id, metadata, created_at, read_at, external_id = row[8:13]
    edited_at, edited_by, deleted_at, deleted_by = row[13:]
    return Message(
        message_id=message_id,
        conversation_id=conversation_id,
        kind=kind,
        text=text,
        author=None if person_id is None else Named(person_id, author),
        quoted_text=quoted if quoted_deleted_at is None else None,
        file_id=file_id,
        metadata=metadata,
        created_at=created_at,
        external_id=external_id,
        read_at=read_at,
        edited_at=edited_at,
        edited_by=edited_by,
        deleted_at=deleted_at,
        deleted_by=deleted_by,
    )
