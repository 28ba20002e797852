"""What it costs to check a bearer token that was seen before: `python -m benchmarks.bearer`.

In this process, without a socket: from the values of the Authorization header to the proven token,
as `api.build.Api` asks for it, with everything that is looked at each time.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from flextell.node.bearer import Bearer
from flextell.oauth import access_token, scopes
from flextell.oauth.access_token import AccessToken
from flextell.oauth.model import Grant
from tests.world import ISSUER, PHOTOS, World, build_world

CHECKS = 100_000
ROUNDS = 5
# So many apps call in turns; each sends the same token again and again.
TOKENS = 1000
SCOPE = scopes.parse("account:read customers:read")
LIFE_SECONDS = 3600


def tokens(world: World) -> list[str]:
    """Access tokens of different grants, signed by the node's key."""
    key, now = world.parts.keyring.signing("access_token"), world.clock.now
    return [
        access_token.sign(_token(number, now), key, ISSUER, world.parts.settings.resource)
        for number in range(TOKENS)
    ]


def _token(number: int, now: int) -> AccessToken:
    grant = Grant(f"grant-{number}", PHOTOS.client_id, "sub-alice", SCOPE, now)
    return access_token.for_grant(grant, 1, SCOPE, now, now + LIFE_SECONDS)


async def microseconds(
    bearer: Bearer, headers: list[list[str]], checks: int
) -> tuple[float, float]:
    """A round of checks: of the clock's time and of CPU time for each."""
    cpu, began = time.process_time(), time.perf_counter()
    for number in range(checks):
        await bearer.check(headers[number % len(headers)])
    spent, used = time.perf_counter() - began, time.process_time() - cpu
    return spent / checks * 1e6, used / checks * 1e6


async def run(folder: Path, checks: int, rounds: int) -> list[tuple[float, float]]:
    """Each round, after one look at every token and at the news of revocations."""
    world = build_world(folder, revocation_stale_milliseconds=1_000_000_000)
    parts = world.parts
    await parts.keyring.catch_up()
    await parts.feed.catch_up()
    headers = [[f"Bearer {token}"] for token in tokens(world)]
    try:
        await microseconds(parts.bearer, headers, len(headers))
        return [await microseconds(parts.bearer, headers, checks) for _ in range(rounds)]
    finally:
        parts.hashing.close()
        parts.store.close()


def main() -> None:
    """Print each round, and the medians."""
    parser = argparse.ArgumentParser(description="Measure the check of a bearer token.")
    parser.add_argument("--checks", type=int, default=CHECKS, help="of each round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measured = asyncio.run(run(Path(name), asked.checks, asked.rounds))
    print(f"{asked.checks:,} checks of {TOKENS:,} tokens, microseconds a check (of CPU):")
    for clock, cpu in measured:
        print(f"  {clock:.2f} ({cpu:.2f})")
    clocks, cpus = zip(*measured, strict=True)
    print(f"median {statistics.median(clocks):.2f} ({statistics.median(cpus):.2f})")


if __name__ == "__main__":
    main()
