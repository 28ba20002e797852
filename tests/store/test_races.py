"""What the store promises to many callers at once: on one node, and on two that share a database.

Two stores on SQLite are a server and the command line next to it; on PostgreSQL two nodes.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TypeVar

import pytest

from flextell.accounts.throttle import Count, Key, Kind
from flextell.oauth.errors import InvalidGrant
from flextell.oauth.model import digest_of
from flextell.store.port import Duplicate, Revocation, Store, Unit
from tests.store.samples import (
    CODE,
    FIRST_TOKEN,
    NOON,
    a_code,
    a_grant,
    a_key,
    a_token,
    connect_photos,
    digest,
    generations,
    refreshed,
)

T = TypeVar("T")
Nodes = tuple[Store, Store]

TRIES = (Key(Kind.ACCOUNT, "alice@example.com"), Key(Kind.ADDRESS, "192.0.2.1"))


async def from_all(nodes: Nodes, times: int, work: Callable[[Unit], T]) -> list[T]:
    """The outcomes of the same unit, run so many times at once and by turns on each node."""
    return await asyncio.gather(*(nodes[n % len(nodes)].write(work) for n in range(times)))


def connect(number: int) -> Callable[[Unit], None]:
    """A unit that makes one more grant with its first token."""
    return lambda unit: connect_photos(unit, f"grant-{number}", f"token-{number}")


def refresh(token: str) -> Callable[[Unit], str | None]:
    """A unit that buys the successor of a token, or nothing."""

    def work(unit: Unit) -> str | None:
        try:
            return refreshed(unit, token).refresh_token
        except InvalidGrant:
            return None

    return work


def end(number: int) -> Callable[[Unit], bool]:
    """A unit that ends a grant."""
    return lambda unit: unit.grants.end(f"grant-{number}", "revoked", NOON, NOON + 60)


def announce(name: str) -> Callable[[Unit], None]:
    """A unit that adds news."""
    return lambda unit: unit.revocations.add(name, NOON + 60, NOON)


def note(seen: Iterable[tuple[str, int]]) -> Callable[[Unit], None]:
    """A unit that notes receipts."""
    return lambda unit: unit.refresh_tokens.note_received(seen, NOON)


@pytest.mark.anyio
async def test_of_200_claims_of_one_code_exactly_one_is_first(both_nodes: Nodes) -> None:
    """RFC 6749 §4.1.2: a code is used once."""
    await both_nodes[0].write(lambda unit: unit.codes.put(a_code()))
    claims = await from_all(both_nodes, 200, lambda unit: unit.codes.claim(digest(CODE), NOON))
    assert Counter(claim.first for claim in claims if claim) == {True: 1, False: 199}


@pytest.mark.anyio
async def test_1000_refreshes_of_one_token_make_one_new_row_and_one_answer(
    both_nodes: Nodes,
) -> None:
    await both_nodes[0].write(connect_photos)
    kept: list[object] = []

    def buy(unit: Unit) -> tuple[str, str]:
        issue = refreshed(unit, FIRST_TOKEN)
        if issue.kept is not None:
            kept.append(issue.kept)
        return issue.refresh_token, issue.access.jti

    answers = set(await from_all(both_nodes, 1000, buy))
    assert len(answers) == 1
    assert len(kept) == 1
    ((successor, _),) = answers
    assert await both_nodes[1].read(lambda unit: generations(unit, successor)) == [1]
    presented = await both_nodes[1].read(
        lambda unit: unit.refresh_tokens.present(digest(FIRST_TOKEN))
    )
    assert presented is not None
    assert not presented.successor_used


def one_inside_another(first: Callable[[Unit], object], second: Callable[[], T], nodes: Nodes) -> T:
    """Begin a unit, start the second call while it is open, end it; what the second call gave."""
    begun, go_on = threading.Event(), threading.Event()

    def linger(unit: Unit) -> None:
        first(unit)
        begun.set()
        assert go_on.wait(10)

    with ThreadPoolExecutor(2) as threads:
        holding = threads.submit(nodes[0].at_once, linger)
        assert begun.wait(10)
        waiting = threads.submit(second)
        wait([waiting], timeout=0.2)
        assert not waiting.done()
        go_on.set()
        holding.result()
        return waiting.result()


def test_who_presents_a_token_while_its_grant_is_being_ended_sees_it_ended(
    both_nodes: Nodes,
) -> None:
    """RFC 7009 §2.1."""
    both_nodes[0].at_once(connect(1))
    presented = one_inside_another(
        end(1),
        lambda: both_nodes[1].at_once(lambda unit: unit.refresh_tokens.present(digest("token-1"))),
        both_nodes,
    )
    assert presented is not None
    assert presented.grant.ended_at == NOON


def test_who_presents_a_token_while_another_refreshes_it_gets_the_same_successor(
    both_nodes: Nodes,
) -> None:
    both_nodes[0].at_once(connect(1))
    bought: list[str | None] = []
    second = one_inside_another(
        lambda unit: bought.append(refresh("token-1")(unit)),
        lambda: both_nodes[1].at_once(refresh("token-1")),
        both_nodes,
    )
    assert bought == [second]


def test_who_ends_a_grant_while_its_token_is_refreshed_ends_the_successor_too(
    both_nodes: Nodes,
) -> None:
    both_nodes[0].at_once(connect(1))
    bought: list[str | None] = []
    assert one_inside_another(
        lambda unit: bought.append(refresh("token-1")(unit)),
        lambda: both_nodes[1].at_once(end(1)),
        both_nodes,
    )
    (successor,) = bought
    assert successor is not None
    assert both_nodes[0].at_once(refresh(successor)) is None


@pytest.mark.anyio
async def test_a_token_refreshed_while_its_grant_ends_buys_nothing_that_lives(
    both_nodes: Nodes,
) -> None:
    """RFC 7009 §2.1: whichever of refresh and revocation is second sees the first."""
    rounds = range(60)
    outcomes: Counter[str] = Counter()
    for number in rounds:
        here, there = both_nodes if number % 2 else reversed(both_nodes)
        await here.write(connect(number))
        token = f"token-{number}"
        successor, ended = await asyncio.gather(
            here.write(refresh(token)), there.write(end(number))
        )
        assert ended
        outcomes["refreshed first" if successor else "ended first"] += 1
        for bought in (token, successor or token):
            assert await here.write(refresh(bought)) is None
    assert outcomes.total() == len(rounds)


@pytest.mark.anyio
async def test_a_code_replayed_while_it_is_exchanged_ends_the_grant(both_nodes: Nodes) -> None:
    """RFC 6749 §10.5: whoever comes second finds the grant that the first one made."""
    await both_nodes[0].write(lambda unit: unit.codes.put(a_code()))

    def exchange(unit: Unit) -> bool:
        claimed = unit.codes.claim(digest(CODE), NOON)
        assert claimed is not None
        if not claimed.first:
            return unit.grants.end("grant-1", "code_replayed", NOON, NOON + 60)
        unit.grants.add(a_grant())
        unit.refresh_tokens.put(a_token())
        return False

    outcomes = await from_all(both_nodes, 20, exchange)
    assert Counter(outcomes) == {True: 1, False: 19}
    grant = await both_nodes[1].read(lambda unit: unit.grants.get("grant-1"))
    assert grant is not None
    assert grant.ended_at == NOON


@pytest.mark.anyio
async def test_a_grant_is_ended_by_one_of_many_and_told_once(both_nodes: Nodes) -> None:
    await both_nodes[0].write(connect_photos)
    ended = await from_all(
        both_nodes, 50, lambda unit: unit.grants.end("grant-1", "revoked", NOON, NOON + 60)
    )
    assert ended.count(True) == 1
    assert len(await both_nodes[1].read(lambda unit: unit.revocations.since(0))) == 1


@pytest.mark.anyio
async def test_no_news_ever_appears_below_what_was_read(both_nodes: Nodes) -> None:
    """A node that has read 8 asks for what comes after 8: 7 must have been there by then."""
    total = 200
    writing = asyncio.gather(*(both_nodes[n % 2].write(announce(f"jti-{n}")) for n in range(total)))
    read: list[Revocation] = []

    async def follow(node: Store) -> None:
        after = read[-1].sequence if read else 0
        read.extend(await node.read(lambda unit: unit.revocations.since(after)))

    while not writing.done():
        await follow(both_nodes[0])
        await asyncio.sleep(0)  # a brief read need not leave the loop, where the writers are
    await writing
    await follow(both_nodes[0])
    everything = await both_nodes[1].read(lambda unit: unit.revocations.since(0))
    assert read == everything
    assert {item.name for item in read} == {f"jti-{n}" for n in range(total)}


def test_news_of_a_unit_that_is_still_open_is_not_overtaken(both_nodes: Nodes) -> None:
    """The number is given and the news becomes visible under one lock."""
    slow, fast = both_nodes
    numbered, go_on = threading.Event(), threading.Event()

    def linger(unit: Unit) -> None:
        unit.revocations.add("first", NOON + 60, NOON)
        numbered.set()
        assert go_on.wait(10)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(slow.at_once, linger)
        assert numbered.wait(10)
        second = threads.submit(fast.at_once, announce("second"))
        seen = asyncio.run(_read(fast, lambda unit: unit.revocations.since(0)))
        assert seen == []
        assert not second.done()
        go_on.set()
        first.result()
        second.result()
    names = fast.at_once(lambda unit: [item.name for item in unit.revocations.since(0)])
    assert names == ["first", "second"]


async def _read(store: Store, work: Callable[[Unit], T]) -> T:
    return await store.read(work)


@pytest.mark.anyio
async def test_two_nodes_that_start_together_make_one_key(both_nodes: Nodes) -> None:
    def make_if_none(unit: Unit) -> int:
        unit.signing_keys.hold()
        if not unit.signing_keys.all():
            unit.signing_keys.add(a_key(f"key-{threading.get_ident()}"))
        return len(unit.signing_keys.all())

    assert await from_all(both_nodes, 20, make_if_none) == [1] * 20


@pytest.mark.anyio
async def test_of_many_who_want_one_address_one_gets_it(both_nodes: Nodes) -> None:
    def sign_up(unit: Unit) -> str:
        try:
            unit.people.add(
                subject=f"sub-{id(unit)}-{threading.get_ident()}",
                email="alice@example.com",
                name="Alice",
                password_hash="h",
                now=NOON,
            )
        except Duplicate:
            return "taken"
        return "added"

    outcomes = await from_all(both_nodes, 20, sign_up)
    assert Counter(outcomes) == {"added": 1, "taken": 19}


@pytest.mark.anyio
async def test_wrong_passwords_counted_at_once_are_all_counted(both_nodes: Nodes) -> None:
    """Also the very first ones: a key that was never counted has no row to lock."""

    def fail(unit: Unit) -> None:
        counts = unit.throttles.hold(TRIES)
        unit.throttles.put(
            {key: replace(count, failures=count.failures + 1) for key, count in counts.items()}
        )

    def fail_the_other_way_round(unit: Unit) -> None:
        counts = unit.throttles.hold(TRIES[::-1])
        unit.throttles.put(
            {key: replace(count, failures=count.failures + 1) for key, count in counts.items()}
        )

    await asyncio.gather(
        from_all(both_nodes, 25, fail), from_all(both_nodes, 25, fail_the_other_way_round)
    )
    counted = await both_nodes[0].read(lambda unit: unit.throttles.counts(TRIES))
    assert counted == dict.fromkeys(TRIES, Count(failures=50))


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_who_counts_a_wrong_password_keeps_only_those_waiting_who_count_the_same(
    both_nodes: Nodes,
) -> None:
    """A node that stops in the middle holds nobody's sign-in up but that of the same person."""
    alice, bob = TRIES[0], Key(Kind.ACCOUNT, "bob@example.com")

    def count(key: Key) -> Callable[[Unit], Count]:
        def work(unit: Unit) -> Count:
            before = unit.throttles.hold([key])[key]
            unit.throttles.put({key: replace(before, failures=before.failures + 1)})
            return before

        return work

    def meanwhile() -> Count:
        """Bob is counted, and Alice's count is looked at, before hers is counted once more."""
        assert both_nodes[1].at_once(count(bob)) == Count()
        assert both_nodes[1].at_once(lambda unit: unit.throttles.counts(TRIES))[alice] == Count()
        return both_nodes[1].at_once(count(alice))

    assert one_inside_another(count(alice), meanwhile, both_nodes) == Count(failures=1)


@pytest.mark.anyio
async def test_the_same_receipts_noted_by_two_nodes_in_any_order_do_no_harm(
    both_nodes: Nodes,
) -> None:
    def connect_many(unit: Unit) -> None:
        for n in range(40):
            connect_photos(unit, f"grant-{n}", f"token-{n}")

    await both_nodes[0].write(connect_many)
    seen = [(f"grant-{n}", 0) for n in range(40)]
    await asyncio.gather(
        *(both_nodes[n % 2].write(note(seen if n % 2 else reversed(seen))) for n in range(10))
    )
    presented = await both_nodes[0].read(
        lambda unit: [unit.refresh_tokens.present(digest_of(f"token-{n}")) for n in range(40)]
    )
    assert all(found and found.token.received_at == NOON for found in presented)


@pytest.mark.anyio
async def test_units_that_cross_are_tried_again_until_both_are_done(both_nodes: Nodes) -> None:
    """Two grants ended in opposite order: PostgreSQL calls it a deadlock and stops one of them."""
    await both_nodes[0].write(connect(1))
    await both_nodes[0].write(connect(2))
    met = threading.Barrier(2)

    def hold_both(unit: Unit, first: str, second: str) -> int:
        unit.refresh_tokens.present(digest(first))
        with contextlib.suppress(threading.BrokenBarrierError):
            met.wait(0.5)  # on SQLite one of the two cannot come here before the other has left
        unit.refresh_tokens.present(digest(second))
        return 1

    outcomes = await asyncio.gather(
        both_nodes[0].write(lambda unit: hold_both(unit, "token-1", "token-2")),
        both_nodes[1].write(lambda unit: hold_both(unit, "token-2", "token-1")),
    )
    assert list(outcomes) == [1, 1]
