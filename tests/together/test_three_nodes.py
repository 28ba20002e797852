"""Three nodes on one PostgreSQL behind HAProxy: whichever is met, gone or coming back."""

import asyncio
import json
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.figures import Note
from tests.together.client import (
    Caller,
    Tokens,
    body,
    in_flows,
    refused_everywhere,
    seconds_until,
    tokens,
)
from tests.together.cluster import APP, MALLORY, NODES, PEOPLE, Cluster, running_cluster
from tests.together.load import Load, everything_works, under_load
from tests.together.node_races import (
    claims,
    refresh_raced_revocation,
    refreshed_by_all_at_once,
    revocations_spread,
    signed_with,
)
from tests.together.server import PASSWORD
from tests.together.turmoil import summary, table, turn
from tests.web.flows import asks, connect, sent_back, submit

pytestmark = pytest.mark.anyio

IN_TURMOIL = ("PostgreSQL stopped", "kill -9 of two nodes", "PostgreSQL crashed")
REFRESHES = 1000
RACES = 100
REVOCATIONS = 50
# The promise is a second; a busy machine may take another to ask.
NEWS_SECONDS, NEWS_SECONDS_UNDER_LOAD = 1, 2
SECONDS_TO_A_NEW_KEY = 10
# From a kill, or from the moment at which the database is back, to the last failure.
SECONDS_TO_RECOVER = 5


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes that know the same people."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


async def test_nodes_and_database_fall_over_under_load_and_nobody_is_signed_out(
    cluster: Cluster, note: Note
) -> None:
    """What was answered 200 works; what was not is asked again, and is answered soon."""
    began = monotonic()
    async with under_load(cluster) as load:
        turns = [await turn(cluster, load, fault) for fault in IN_TURMOIL]
    seconds = monotonic() - began

    await everything_works(cluster, load)
    assert max(each.recovery_seconds for each in turns) < SECONDS_TO_RECOVER
    assert cluster.bugs() == []
    note(f"three nodes behind HAProxy, {summary(load, seconds)}")
    note("\n".join(table(turns)))


async def test_a_node_drains_and_joins_and_keys_are_rotated_and_nobody_notices(
    cluster: Cluster, note: Note
) -> None:
    """RFC 7517 §5: a key is known to every node before any of them signs with it."""
    operator = cluster.nodes[0]
    async with under_load(cluster) as load:
        await asyncio.to_thread(operator.command, "keys", "rotate")
        noticed = await turn(cluster, load, "SIGTERM to a node")
        await seconds_until(lambda: signs_with_new_key(load), SECONDS_TO_A_NEW_KEY)

    assert load.failed() == []
    await everything_works(cluster, load)
    assert min(cluster.measured("flextell_requests_total")) > 0
    note(
        f"a node drained and joined, and keys were rotated: {noticed.asked} requests meanwhile, "
        f"none failed; all {len(load.handed_out)} tokens work, signed before and after"
    )


async def signs_with_new_key(load: Load) -> bool:
    """Whether the youngest tokens are all signed with another key than the oldest."""
    youngest = {signed_with(token) for token in load.handed_out[-20:]}
    return len(youngest) == 1 and signed_with(load.handed_out[0]) not in youngest


async def test_many_refreshes_of_one_token_at_all_nodes_get_the_same_answer(
    cluster: Cluster, note: Note
) -> None:
    """RFC 9700 §4.14.2: one rotation, one row, one `jti`, one end, however often asked."""
    rows = cluster.nodes[0].count("refresh_tokens")
    answered, busy = await refreshed_by_all_at_once(cluster, REFRESHES)

    assert len(answered) == REFRESHES
    assert len({each.refresh for each in answered}) == 1
    assert len({json.dumps(claims(each.access)) for each in answered}) == 1
    # One for the code that began the grant, one for all refreshes.
    assert cluster.nodes[0].count("refresh_tokens") == rows + 2
    note(f"{REFRESHES} refreshes of one token at three nodes: 1 refresh token, 1 jti, 1 row; "
         f"{busy} times 503 first")  # fmt: skip


async def test_after_a_refresh_raced_a_revocation_at_another_node_no_token_works(
    cluster: Cluster, note: Note
) -> None:
    """RFC 7009 §2.1: whichever of the two came second saw the first."""
    winners, seconds = await refresh_raced_revocation(cluster, RACES)

    assert winners.total() == RACES
    assert min(winners["refresh"], winners["revocation"]) > 0, "the two never met"
    assert seconds.worst < NEWS_SECONDS
    note(f"{RACES} races of refresh and revocation at two nodes, the refresh was first "
         f"{winners['refresh']} times: no token works at any node, {seconds}")  # fmt: skip


async def test_a_revocation_reaches_every_node_within_a_second(
    cluster: Cluster, note: Note
) -> None:
    quiet = await revocations_spread(cluster, REVOCATIONS)
    async with under_load(cluster):
        busy = await revocations_spread(cluster, REVOCATIONS)

    assert quiet.worst < NEWS_SECONDS
    assert busy.worst < NEWS_SECONDS_UNDER_LOAD
    note(f"a revocation is known to three nodes: {quiet}; under load {busy}")


@pytest.mark.parametrize("first", range(NODES))
async def test_each_step_of_a_flow_may_be_at_another_node(cluster: Cluster, first: int) -> None:
    """Sessions, tickets, codes and tokens are known to all, wherever they were made."""
    async with cluster.wandering_browser(first) as browser, cluster.callers() as callers:
        one, two, three = callers[first:] + callers[:first]
        parameters = asks(in_flows(APP), scope=APP.scope, prompt="consent")
        code = sent_back(await connect(browser, parameters, PEOPLE[first], PASSWORD))["code"]
        found = tokens(await three.exchange(code))
        newest = tokens(await two.refresh(found.refresh))
        assert body(await one.introspect(newest.access))["active"] is True
        assert (await three.revoke(newest.refresh)).status == 200

        await seconds_until(lambda: refused_by(callers, newest), NEWS_SECONDS_UNDER_LOAD)
        for each in callers:
            await refused_everywhere(each, [found, newest])


async def refused_by(callers: list[Caller], found: Tokens) -> bool:
    """Whether the API of each of these nodes refuses the token."""
    replies = await asyncio.gather(*(one.call_api(found.access) for one in callers))
    return all(reply.status == 401 for reply in replies)


async def test_wrong_passwords_at_all_nodes_are_counted_together(cluster: Cluster) -> None:
    async with cluster.wandering_browser() as browser:
        page = await browser.get("/sign-in")
        told = [
            (await submit(browser, page, email=MALLORY, password="wrong")).status_code
            for _ in range(5)
        ]

    assert told == [422, 422, 422, 422, 429]
