"""End grants by command: what an app or a person loses, every node hears of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flextell.oauth.model import Grant
    from flextell.store.port import Unit


def end_all(unit: "Unit", grants: "Sequence[Grant]", reason: str, now: int) -> int:
    """End these grants and all their tokens; say how many had not ended before.

    The server may run with other lifetimes than this command was told of, so an ended grant is
    remembered for as long as any access token can live.
    """
    from flextell.settings import LONGEST_TOKEN_SECONDS

    forget_at = now + LONGEST_TOKEN_SECONDS
    return sum(unit.grants.end(grant.grant_id, reason, now, forget_at) for grant in grants)
