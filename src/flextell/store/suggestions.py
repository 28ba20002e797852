"""What the AI suggests to answer, kept. Every statement here names the tenant."""

import orjson

from flextell.store.transaction import Row, Transaction
from flextell.tenants.suggestions import Draft, State, Suggestion

_LATEST = """
SELECT suggestion_id, conversation_id, original_text, trigger_ids, pending_actions, state,
       after_message_id, final_text, created_at, updated_at, sent_at
FROM ai_suggestions WHERE tenant_id = :tenant_id AND conversation_id = :conversation_id
ORDER BY suggestion_id DESC LIMIT 1
"""


class SqlSuggestions:
    """`port.Suggestions` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def latest(self, tenant_id: int, conversation_id: int) -> Suggestion | None:
        row = self._sql.one(_LATEST, tenant_id=tenant_id, conversation_id=conversation_id)
        return None if row is None else _suggestion(row)

    def put(
        self,
        tenant_id: int,
        conversation_id: int,
        draft: Draft,
        after_message_id: int | None,
        now: int,
    ) -> None:
        here = {"tenant_id": tenant_id, "conversation_id": conversation_id, "now": now}
        self._sql.run(
            "UPDATE ai_suggestions SET state = 'superseded', updated_at = :now "
            "WHERE tenant_id = :tenant_id AND conversation_id = :conversation_id "
            "AND state = 'pending'",
            **here,
        )
        self._sql.run(
            "INSERT INTO ai_suggestions (tenant_id, conversation_id, original_text, trigger_ids, "
            "pending_actions, state, after_message_id, created_at, updated_at) VALUES (:tenant_id, "
            ":conversation_id, :text, :trigger_ids, :pending_actions, 'pending', "
            ":after_message_id, :now, :now)",
            **here,
            text=draft.text,
            trigger_ids=orjson.dumps(draft.trigger_ids).decode(),
            pending_actions=orjson.dumps(draft.pending_actions).decode(),
            after_message_id=after_message_id,
        )

    def close(
        self,
        tenant_id: int,
        suggestion_id: int,
        state: State,
        now: int,
        *,
        final_text: str | None = None,
        message_id: int | None = None,
    ) -> bool:
        changed = self._sql.run(
            "UPDATE ai_suggestions SET state = :state, updated_at = :now, "
            "final_text = :final_text, message_id = :message_id, sent_at = :sent_at "
            "WHERE tenant_id = :tenant_id AND suggestion_id = :suggestion_id "
            "AND state = 'pending'",
            tenant_id=tenant_id,
            suggestion_id=suggestion_id,
            state=state,
            final_text=final_text,
            message_id=message_id,
            sent_at=now if state == "sent" else None,
            now=now,
        )
        return changed == 1


def _suggestion(row: Row) -> Suggestion:
    trigger_ids, pending_actions = orjson.loads(row[3]), orjson.loads(row[4])
    return Suggestion(
        suggestion_id=row[0],
        conversation_id=row[1],
        draft=Draft(row[2], tuple(trigger_ids), tuple(pending_actions)),
        state=row[5],
        after_message_id=row[6],
        final_text=row[7],
        created_at=row[8],
        updated_at=row[9],
        sent_at=row[10],
    )
