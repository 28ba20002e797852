"""What was taken back before its time, as the server's revocation feed tells it.

A name in the feed is the whole `jti` of a token, or what its `jti` begins with up to the first
dot: a server ends all tokens of a grant with one name by beginning their `jti` with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flextell_sdk.errors import ServerMisconfigured
from flextell_sdk.guard.asking import FeedPage

# Now and then everything is read again, in case that a server was set back to a backup and gives
# numbers once more that it has given before.
REREAD_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Revocations:
    """Everything that is over, up to a number of the feed.

    `names` has the time at which the last token of each would have expired anyway.
    """

    names: Mapping[str, int] = field(default_factory=dict, repr=False)
    sequence: int = 0
    reread_at: float = float("-inf")

    def end(self, jti: str) -> bool:
        """Whether the token of this name is over."""
        return jti in self.names or jti.partition(".")[0] in self.names


def caught_up(
    before: Revocations, page_after: Callable[[int], FeedPage], now: float, monotonic: float
) -> Revocations:
    """The same with all the news, and without what has expired. Raises what `page_after` raises."""
    again = monotonic >= before.reread_at
    sequence, news, has_more = 0 if again else before.sequence, dict[str, int](), True
    while has_more:
        page = page_after(sequence)
        if page.has_more and page.sequence <= sequence:
            raise ServerMisconfigured("The revocation feed does not come to an end.")
        sequence, has_more = page.sequence, page.has_more
        news.update(page.names)
    names = {**before.names, **news} if news else before.names
    return Revocations(
        {name: end for name, end in names.items() if end > now} if news or again else names,
        sequence,
        monotonic + REREAD_SECONDS if again else before.reread_at,
    )
