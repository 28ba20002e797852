"""Load, decide, save: a unit of work whose refusals are decisions, not accidents.

A refusal is caught inside the transaction, its order is carried out there, and only then is it
raised to the caller. Raised out of the transaction it would roll back: a replayed code would
become fresh again.
"""

from collections.abc import Callable
from typing import TypeVar

from flextell import log
from flextell.metrics import REPLAYS
from flextell.oauth.errors import Refusal
from flextell.oauth.model import EndGrant
from flextell.parts import Parts
from flextell.settings import LONGEST_TOKEN_SECONDS
from flextell.store.port import Unit

T = TypeVar("T")


async def decide(parts: Parts, work: Callable[[Unit], T], *, brief: bool = False) -> T:
    """Run the unit of work and return what it decided. Raises the Refusal it decided on.

    `brief`: as the store takes it.
    """

    def inside(unit: Unit) -> T | Refusal:
        try:
            return work(unit)
        except Refusal as refusal:
            if refusal.then is not None:
                end_grant(unit, parts, refusal.then)
            return refusal

    outcome = await parts.store.write(inside, brief=brief)
    if isinstance(outcome, Refusal):
        if outcome.then is not None:
            parts.metrics.count(REPLAYS, outcome.then.reason)
            tell(parts, outcome.then)
        raise outcome
    return outcome


def end_grant(unit: Unit, parts: Parts, order: EndGrant) -> bool:
    """End a grant and all its tokens. False if it had ended before."""
    now = parts.sources.now()
    return unit.grants.end(order.grant_id, order.reason, now, _forget_at(parts))


def tell(parts: Parts, order: EndGrant) -> None:
    """Let this node know at once what was just made durable; the others hear it by the feed."""
    parts.feed.apply_own(order.grant_id, _forget_at(parts))
    log.security(log.GRANT_ENDED, grant_id=order.grant_id, reason=order.reason)


def _forget_at(parts: Parts) -> int:
    return parts.sources.now() + LONGEST_TOKEN_SECONDS
