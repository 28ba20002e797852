"""What must hold between nodes at the same moment: one rotation, one end, one second at most."""

import asyncio
import json
import random
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from benchmarks.connection import Reply
from tests.together.client import Caller, Tokens, body, in_flows, seconds_until, tokens
from tests.together.cluster import APP, Cluster
from tests.together.server import ALICE, PASSWORD
from tests.web import flows

LANES = 8
# When a revocation that no node hears of is given up; the promise is one second.
SECONDS_TO_KNOW = 10

# What is done with a new grant by the callers of all nodes.
Round = Callable[[list[Caller], Tokens], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long something took, many times."""

    sorted: list[float]

    def __str__(self) -> str:
        return (
            f"median {self.part(0.5):.3f} s, p99 {self.part(0.99):.3f} s, "
            f"worst of {len(self.sorted)} {self.worst:.3f} s"
        )

    def part(self, share: float) -> float:
        """What so many of them did not exceed."""
        return self.sorted[min(int(share * len(self.sorted)), len(self.sorted) - 1)]

    @property
    def worst(self) -> float:
        """The longest."""
        return self.sorted[-1]


def claims(access_token: str) -> dict[str, Any]:
    """What an access token says."""
    return _part(access_token, 1)


def signed_with(access_token: str) -> str:
    """The key that signed it."""
    return str(_part(access_token, 0)["kid"])


def _part(access_token: str, number: int) -> dict[str, Any]:
    part = access_token.split(".")[number]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@asynccontextmanager
async def alices_codes(cluster: Cluster) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """A way to get a code from Alice, each of a grant of its own."""
    async with cluster.wandering_browser() as browser:

        async def code() -> str:
            return await flows.code_for(browser, in_flows(APP), ALICE, PASSWORD, scope=APP.scope)

        await code()
        yield code


async def rounds(cluster: Cluster, count: int, play: Round) -> None:
    """Play so many rounds, some at a time, each with a grant of its own and a caller a node."""
    left = iter(range(count))
    async with alices_codes(cluster) as code:

        async def lane() -> None:
            async with cluster.callers() as everybody:
                for _ in left:
                    first = tokens(await random.choice(everybody).exchange(await code()))
                    await play(everybody, first)

        await asyncio.gather(*(lane() for _ in range(LANES)))


async def refreshed_by_all_at_once(cluster: Cluster, count: int) -> tuple[list[Tokens], int]:
    """What so many refreshes of one token are answered, spread over all nodes.

    And how many were told 503 first, for a busy node lets nobody wait too long; they ask again.
    """
    busy = 0

    async def refreshed(caller: Caller, token: str) -> Tokens:
        nonlocal busy
        while (reply := await caller.refresh(token)).status == 503:
            busy += 1
        return tokens(reply)

    async with cluster.callers(count) as everybody, alices_codes(cluster) as code:
        first = tokens(await everybody[0].exchange(await code()))
        every = [refreshed(one, first.refresh) for one in everybody]
        return await asyncio.gather(*every), busy


async def refresh_raced_revocation(cluster: Cluster, count: int) -> tuple[Counter[str], Seconds]:
    """Both at the same moment at two nodes, in either order.

    Who came first how often, and how long after both answers no token worked at any node.
    """
    winners, taken = Counter[str](), list[float]()

    async def race(everybody: list[Caller], first: Tokens) -> None:
        one, other = random.sample(everybody, 2)
        asks = {"refresh": one.refresh, "revocation": other.revoke}
        order = random.sample(sorted(asks), 2)
        answers = await asyncio.gather(*(asks[name](first.refresh) for name in order))
        since, replies = monotonic(), dict(zip(order, answers, strict=True))
        assert replies["revocation"].status == 200
        handed_out = [first, *_unless_refused(replies["refresh"])]
        winners["refresh" if len(handed_out) == 2 else "revocation"] += 1
        for each in handed_out:
            await _refused_everywhere(everybody, each)
        taken.append(await _known_everywhere(everybody, handed_out, since))

    await rounds(cluster, count, race)
    return winners, Seconds(sorted(taken))


async def revocations_spread(cluster: Cluster, count: int) -> Seconds:
    """How long after the answer to a revocation the API of every node refuses the access token.

    Every node has seen the token before and remembers it: the hardest case.
    """
    taken = list[float]()

    async def spread(everybody: list[Caller], first: Tokens) -> None:
        for one in everybody:
            assert (await one.call_api(first.access)).status == 200
        assert (await random.choice(everybody).revoke(first.refresh)).status == 200
        taken.append(await _known_everywhere(everybody, [first], monotonic()))

    await rounds(cluster, count, spread)
    return Seconds(sorted(taken))


def _unless_refused(reply: Reply) -> list[Tokens]:
    if reply.status == 200:
        return [tokens(reply)]
    assert body(reply)["error"] == "invalid_grant"
    return []


async def _refused_everywhere(everybody: list[Caller], found: Tokens) -> None:
    for one in everybody:
        reply = await one.refresh(found.refresh)
        assert (reply.status, body(reply)["error"]) == (400, "invalid_grant")


async def _known_everywhere(everybody: list[Caller], over: list[Tokens], since: float) -> float:
    """How many seconds after `since` the API of the last node refused the last of these."""
    return max(await asyncio.gather(*(_known_at(one, over, since) for one in everybody)))


async def _known_at(caller: Caller, over: list[Tokens], since: float) -> float:
    for each in over:

        async def refused(token: str = each.access) -> bool:
            reply = await caller.call_api(token)
            assert reply.status in (200, 401), reply.body
            return reply.status == 401

        await seconds_until(refused, SECONDS_TO_KNOW)
    return monotonic() - since
