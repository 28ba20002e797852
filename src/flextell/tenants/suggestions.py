"""What the AI suggests to answer: made by a worker, sent or dropped by a person (wire §a.2, §a.3).

    pending ──send──> sent
       ├──drop──> dismissed
       └──a newer one──> superseded

A conversation has one pending suggestion at most. What left that state never returns to it.

    SuggestionOver      409  it was sent, or is no longer pending
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flextell.tenants.refusals import Conflict, Unfit

State = Literal["pending", "sent", "dismissed", "superseded"]
SendSource = Literal["suggestion_as_is", "suggestion_edited"]

MAXIMUM_CHARACTERS = 4096
MAXIMUM_TRIGGERS = 100
MAXIMUM_ACTIONS = 50

_OVER: Mapping[State, str] = {
    "sent": "The suggestion was sent already.",
    "dismissed": "The suggestion was dismissed.",
    "superseded": "The suggestion was superseded by another.",
}


class SuggestionOver(Conflict):
    """Nothing is pending any more."""

    def __init__(self, state: State) -> None:
        super().__init__(_OVER[state])


@dataclass(frozen=True, slots=True)
class Draft:
    """What the worker wants said, to which messages, and what it would do besides."""

    text: str
    trigger_ids: tuple[int, ...] = ()
    pending_actions: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggestion. `after_message_id` was the newest message when it was made."""

    suggestion_id: int
    conversation_id: int
    draft: Draft
    state: State
    after_message_id: int | None
    final_text: str | None
    created_at: int
    updated_at: int
    sent_at: int | None = None


def check_pending(suggestion: Suggestion) -> None:
    """Raises SuggestionOver unless it is pending."""
    if suggestion.state != "pending":
        raise SuggestionOver(suggestion.state)


def final_text(suggestion: Suggestion, source: SendSource, message: str | None) -> str:
    """What is sent: the suggestion, or what a person made of it. Raises SuggestionOver, Unfit."""
    check_pending(suggestion)
    if source == "suggestion_edited":
        if not message:
            raise Unfit("The field message is required when send_source is suggestion_edited.")
        return message
    if message is not None and message != suggestion.draft.text:
        # Somebody changed it and would be surprised that the customer got another text.
        raise Unfit("The field message must be left out when send_source is suggestion_as_is.")
    return suggestion.draft.text


def has_new_messages(suggestion: Suggestion, last_message_id: int | None) -> bool:
    """Whether somebody wrote something since it was made."""
    return (last_message_id or 0) > (suggestion.after_message_id or 0)
