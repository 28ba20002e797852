"""The endpoints of a conversation's AI agent: a switch that the agent's own worker reads."""

from typing import Annotated

from pydantic import Field

from flextell.api.asked import Asked
from flextell.api.bodies import WHOLE, Body
from flextell.api.caller import Caller, acting_person
from flextell.api.conversations import existing_conversation, held_conversation
from flextell.api.envelopes import Done, One, done
from flextell.api.shapes.conversation import AgentStatus, agent_status
from flextell.store.port import Unit
from flextell.tenants import agent
from flextell.tenants.agent import ENABLED, MAXIMUM_MINUTES

Minutes = Annotated[int, Field(ge=1, le=MAXIMUM_MINUTES), WHOLE]


class AgentPause(Body):
    """For how long the agent is to be off (null or absent: until it is switched on)."""

    duration_minutes: Minutes | None = Field(None)


def get_agent(unit: Unit, caller: Caller, asked: Asked) -> One[AgentStatus]:
    """Say whether the AI agent of a conversation is switched off."""
    found = existing_conversation(unit, caller, asked)
    return {"success": asked.success, "data": agent_status(found.agent, asked.now)}


def disable_agent(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Switch the AI agent of a conversation off."""
    held = held_conversation(unit, caller, asked)
    minutes = asked.body(AgentPause).duration_minutes
    off = agent.disabled(minutes, acting_person(unit, caller), asked.now)
    unit.conversations.set_agent(caller.tenant_id, held.conversation_id, off)
    return done(asked.success, "The agent was disabled.")


def enable_agent(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Switch the AI agent of a conversation on."""
    held = held_conversation(unit, caller, asked)
    unit.conversations.set_agent(caller.tenant_id, held.conversation_id, ENABLED)
    return done(asked.success, "The agent was enabled.")
