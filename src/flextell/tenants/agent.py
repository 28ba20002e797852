"""The AI agent of a conversation: who switched it off, and until when (wire §a.2, §a.3).

It is switched on again by somebody or by the time: nothing has to happen for the latter, whoever
looks later sees it on.
"""

from dataclasses import dataclass

from flextell.tenants.model import Named

MAXIMUM_MINUTES = 525_600


@dataclass(frozen=True, slots=True)
class Agent:
    """Whether the agent is off, until when (None: until it is switched on), and by whom."""

    disabled: bool = False
    expires_at: int | None = None
    disabled_by: Named | None = None


ENABLED = Agent()


def disabled(minutes: int | None, by: Named, now: int) -> Agent:
    """Off for so many minutes; None: until it is switched on."""
    return Agent(True, None if minutes is None else now + minutes * 60, by)


def at(agent: Agent, now: int) -> Agent:
    """How it stands at this time."""
    expired = agent.expires_at is not None and agent.expires_at <= now
    return ENABLED if expired else agent


def remaining_minutes(agent: Agent, now: int) -> int | None:
    """Minutes until it is on again, those begun counted; None if no time says so."""
    if agent.expires_at is None:
        return None
    return max(0, -((now - agent.expires_at) // 60))
