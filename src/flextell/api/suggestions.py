"""The endpoints of AI suggestions: a worker puts one there, a person sends it or drops it."""

from typing import Any

from pydantic import Field

from flextell.api import sending
from flextell.api.asked import Asked
from flextell.api.bodies import Body, Flag, Id
from flextell.api.caller import Caller, acting_person
from flextell.api.conversations import existing_conversation, held_conversation
from flextell.api.envelopes import Done, One, done
from flextell.api.errors import ApiError, unrelated
from flextell.api.shapes.message import SendResult
from flextell.api.shapes.suggestion import AiSuggestion, ai_suggestion
from flextell.store.port import Unit
from flextell.tenants import agent, messages, suggestions
from flextell.tenants.conversations import Conversation
from flextell.tenants.model import Named
from flextell.tenants.suggestions import (
    MAXIMUM_ACTIONS,
    MAXIMUM_CHARACTERS,
    MAXIMUM_TRIGGERS,
    Draft,
    SendSource,
    Suggestion,
)


class NewSuggestion(Body):
    """What to answer, to which messages, and what else would be done."""

    original_text: str = Field(min_length=1, max_length=MAXIMUM_CHARACTERS)
    trigger_chat_log_ids: list[Id] = Field([], max_length=MAXIMUM_TRIGGERS)
    pending_actions: list[Any] = Field([], max_length=MAXIMUM_ACTIONS)


class SuggestionSending(Body):
    """Whether to send it as it is or as `message`, and whether the agent is to be off then."""

    send_source: SendSource
    message: str | None = Field(None, max_length=MAXIMUM_CHARACTERS)
    take_over_agent: Flag = Field(False)


def get_suggestion(unit: Unit, caller: Caller, asked: Asked) -> One[AiSuggestion]:
    """Get what the AI suggests to answer."""
    conversation = existing_conversation(unit, caller, asked)
    found = _latest(unit, conversation)
    if found.state != "pending":
        raise _no_suggestion()
    return _one(asked, conversation, found)


def put_suggestion(unit: Unit, caller: Caller, asked: Asked) -> One[AiSuggestion]:
    """Suggest an answer, in place of one that is pending.

    Our extension, for the worker that is the AI.
    """
    held = held_conversation(unit, caller, asked)
    wanted = asked.body(NewSuggestion)
    triggers = tuple(dict.fromkeys(wanted.trigger_chat_log_ids))
    known = unit.messages.known(caller.tenant_id, held.conversation_id, triggers)
    if not known.issuperset(triggers):
        raise unrelated("trigger_chat_log_ids", "messages of this conversation")
    draft = Draft(wanted.original_text, triggers, tuple(wanted.pending_actions))
    after = None if held.last is None else held.last.message_id
    unit.suggestions.put(caller.tenant_id, held.conversation_id, draft, after, asked.now)
    return _one(asked, held, _latest(unit, held))


def dismiss_suggestion(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Drop what the AI suggests."""
    found = _latest(unit, held_conversation(unit, caller, asked))
    if found.state != "pending":
        raise _no_suggestion()
    unit.suggestions.close(caller.tenant_id, found.suggestion_id, "dismissed", asked.now)
    return done(asked.success, "The suggestion was dismissed.")


def send_suggestion(unit: Unit, caller: Caller, asked: Asked) -> One[SendResult]:
    """Send what the AI suggests, as it is or edited."""
    held = held_conversation(unit, caller, asked)
    found = _latest(unit, held)
    wanted = asked.body(SuggestionSending)
    text = suggestions.final_text(found, wanted.send_source, wanted.message)
    person = acting_person(unit, caller)
    kept = sending.keep(unit, held, messages.Draft(text, person.id), asked.now)
    unit.suggestions.close(
        caller.tenant_id,
        found.suggestion_id,
        "sent",
        asked.now,
        final_text=text,
        message_id=kept.message_id,
    )
    if wanted.take_over_agent:
        _take_over(unit, held, person, asked.now)
    return {"success": asked.success, "data": sending.send(unit, held, kept, asked)}


def _take_over(unit: Unit, held: Conversation, person: Named, now: int) -> None:
    off = agent.disabled(None, person, now)
    unit.conversations.set_agent(held.tenant_id, held.conversation_id, off)


def _latest(unit: Unit, conversation: Conversation) -> Suggestion:
    found = unit.suggestions.latest(conversation.tenant_id, conversation.conversation_id)
    if found is None:
        raise _no_suggestion()
    return found


def _no_suggestion() -> ApiError:
    return ApiError("not_found", "There is no pending suggestion in this conversation.")


def _one(asked: Asked, conversation: Conversation, found: Suggestion) -> One[AiSuggestion]:
    last = None if conversation.last is None else conversation.last.message_id
    return {"success": asked.success, "data": ai_suggestion(found, last)}
