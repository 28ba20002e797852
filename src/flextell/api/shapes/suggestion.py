"""The AiSuggestion resource (wire §a.3)."""

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment, moment_or_none
from flextell.tenants import suggestions
from flextell.tenants.suggestions import State, Suggestion


class AiSuggestion(TypedDict):
    """What the AI suggests to answer. `has_new_messages`: somebody wrote since it was made.

    `final_text` is what was sent; `rating` is always null so far.
    """

    id: int
    conversation_id: int
    original_text: str
    final_text: str | None
    status: State
    rating: str | None
    pending_actions: list[Any]
    trigger_chat_log_ids: list[int]
    has_new_messages: bool
    sent_at: datetime | None
    created_at: datetime
    updated_at: datetime


def ai_suggestion(of: Suggestion, last_message_id: int | None) -> AiSuggestion:
    """The suggestion as the wire shows it; the id is that of the newest message."""
    return {
        "id": of.suggestion_id,
        "conversation_id": of.conversation_id,
        "original_text": of.draft.text,
        "final_text": of.final_text,
        "status": of.state,
        "rating": None,
        "pending_actions": list(of.draft.pending_actions),
        "trigger_chat_log_ids": list(of.draft.trigger_ids),
        "has_new_messages": suggestions.has_new_messages(of, last_message_id),
        "sent_at": moment_or_none(of.sent_at),
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
    }
