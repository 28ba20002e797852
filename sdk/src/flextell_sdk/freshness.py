"""When to refresh: before it is needed, not all at once, and by the server's clock."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from flextell_sdk.tokens import Tokens

# A token is as good as dead a little before the server says so: the request must still arrive,
# and a server that counts in whole seconds may be up to one second short.
DEAD_SHARE = 0.02
DEAD_SECONDS = (1.0, 5.0)
# It is stale in the last fifth of its life, five minutes at the most; where in it exactly is a
# matter of chance, so that many programs that started together do not refresh together.
STALE_SHARE = 0.2
STALE_SECONDS = 300.0
STALE_BEFORE_DEAD = 1.3
# However short it lives, it is used for some of that.
MOST_OF_LIFE = 0.65
# Many servers write the date anew once in a second, and later when they are busy.
DATE_LAG_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Two moments by the server's clock: refresh from `stale_at`, do not use from `dead_at`."""

    stale_at: float
    dead_at: float


NEVER = Deadlines(float("inf"), float("inf"))


def deadlines(tokens: Tokens, chance: float) -> Deadlines:
    """When the tokens become stale and dead; `chance` is from 0 to below 1."""
    if tokens.expires_at is None or tokens.lifetime is None:
        return NEVER
    life = tokens.lifetime
    margin = min(max(DEAD_SHARE * life, DEAD_SECONDS[0]), DEAD_SECONDS[1], life / 2)
    dead_at = tokens.expires_at - margin
    if tokens.refresh_token is None:
        # Nothing can be done early.
        return Deadlines(dead_at, dead_at)
    early = min(
        max(STALE_SHARE * life, STALE_BEFORE_DEAD * margin), STALE_SECONDS, MOST_OF_LIFE * life
    )
    return Deadlines(min(tokens.expires_at - early * (1.0 - chance / 2), dead_at), dead_at)


def learned_offset(date: str, asked: float, heard: float, known: float) -> float:
    """The server's clock minus ours, in seconds, after an answer with that `Date`.

    It was made between `asked` and `heard`, by our clock, and its seconds are cut off: that leaves
    an interval. What was `known` stays if it lies inside, also when the answer took long, or a
    little above: a date may be older than its answer, and a clock that follows each would wander.
    """
    try:
        made = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return known
    least, most = made - heard, made + 1.0 - asked
    return known if least <= known <= most + DATE_LAG_SECONDS else (least + most) / 2
