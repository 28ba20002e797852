"""Three nodes behind HAProxy in turmoil: `python -m benchmarks.three_nodes [--minutes 10]`.

What `tests/together/test_three_nodes.py` shows in seconds, for as long as is wanted, on a
PostgreSQL that waits for its disk: every fault again and again under load; then how soon nodes
agree, in quiet and under load. All share the cores of one machine.
"""

import argparse
import asyncio
import random
import tempfile
from pathlib import Path
from time import monotonic

from benchmarks.postgres import DURABLE
from tests.together.cluster import Cluster, running_cluster
from tests.together.load import everything_works, under_load
from tests.together.node_races import (
    claims,
    refresh_raced_revocation,
    refreshed_by_all_at_once,
    revocations_spread,
)
from tests.together.turmoil import FAULTS, Turn, summary, table, turn

REFRESHES = 1000
LONGEST_REST_SECONDS = 3.0


async def turmoil(cluster: Cluster, minutes: float, think_seconds: float) -> None:
    """One fault after another, in any order, each as often as the others."""
    began, turns = monotonic(), list[Turn]()
    async with under_load(cluster, think_seconds) as load:
        while monotonic() < began + 60 * minutes:
            for fault in random.sample(sorted(FAULTS), len(FAULTS)):
                turns.append(await turn(cluster, load, fault))
                await asyncio.sleep(random.uniform(0, LONGEST_REST_SECONDS))
    seconds = monotonic() - began
    await everything_works(cluster, load)
    print(summary(load, seconds))
    print("\n".join(table(turns)))
    at_rest = len(load.failed()) - sum(each.failed.total() for each in turns)
    print(f"  at rest between faults: {at_rest} requests failed")


async def agreement(cluster: Cluster, rounds: int, think_seconds: float) -> None:
    """One answer to one token, no token after a race, news of revocations everywhere."""
    answered, busy = await refreshed_by_all_at_once(cluster, REFRESHES)
    refresh = {each.refresh for each in answered}
    jti = {claims(each.access)["jti"] for each in answered}
    print(f"{REFRESHES} refreshes of one token: {len(refresh)} refresh token, {len(jti)} jti, "
          f"{busy} times 503 first")  # fmt: skip
    winners, seconds = await refresh_raced_revocation(cluster, rounds)
    print(f"{rounds} races of refresh and revocation, the refresh was first {winners['refresh']} "
          f"times; no token works at any node after {seconds}")  # fmt: skip
    print(f"revocations, known to all nodes in quiet: {await revocations_spread(cluster, rounds)}")
    async with under_load(cluster, think_seconds):
        print(f"and under load: {await revocations_spread(cluster, rounds)}")


async def run(cluster: Cluster, asked: argparse.Namespace) -> None:
    """Everything, one after another."""
    think_seconds = asked.think_milliseconds / 1000
    await agreement(cluster, asked.rounds, think_seconds)
    await turmoil(cluster, asked.minutes, think_seconds)
    await agreement(cluster, min(asked.rounds, REFRESHES // 10), think_seconds)
    print("\n".join(f"a bug was logged: {line}" for line in cluster.bugs()) or "no bug was logged")


def main() -> None:
    """Print what the clients noticed."""
    parser = argparse.ArgumentParser(description="Let three nodes and their database fall over.")
    parser.add_argument("--minutes", type=float, default=10.0, help="of turmoil")
    parser.add_argument("--rounds", type=int, default=1000, help="of races and of revocations")
    parser.add_argument("--think-milliseconds", type=float, default=10.0, help="between refreshes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_cluster(Path(folder), DURABLE) as cluster:
        asyncio.run(run(cluster, asked))


if __name__ == "__main__":
    main()
