"""Forgetting: only what nobody needs any more, a few rows at a time, on one node at a time."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg

from flextell.accounts.model import Session
from flextell.accounts.throttle import Count, Key, Kind
from flextell.settings import Settings
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store, Unit
from flextell.store.transaction import on_postgresql
from flextell.store.unit import SqlUnit
from tests.store.samples import (
    CODE,
    DAY,
    FIRST_TOKEN,
    HOUR,
    NOON,
    PHOTOS,
    a_code,
    a_grant,
    a_key,
    a_token,
    connect_photos,
    digest,
    generations,
)

MONTH = 30 * DAY
BUSY, QUIET = Key(Kind.ACCOUNT, "alice@example.com"), Key(Kind.ACCOUNT, "bob@example.com")


def swept(store: Store, now: int, most: int = 1000) -> int:
    return store.at_once(lambda unit: unit.sweep(now, most))


def sign_in(unit: Unit, expires_at: int) -> bytes:
    person = unit.people.by_subject("sub-alice") or unit.people.add(
        subject="sub-alice", email="alice@example.com", name="Alice", password_hash="h", now=NOON
    )
    key = b"%032d" % expires_at
    unit.sessions.put(Session(key, person.person_id, NOON, NOON, expires_at))
    return key


def test_nothing_is_swept_that_has_not_had_its_time(store: Store) -> None:
    def fill(unit: Unit) -> None:
        connect_photos(unit)
        unit.codes.put(a_code())
        unit.revocations.add("jti-1", NOON + 1, NOON)
        unit.signing_keys.add(a_key("key-1"))
        unit.signing_keys.add(a_key("key-2", published_until=NOON + 1))
        sign_in(unit, NOON + 1)
        unit.throttles.put({BUSY: Count(3, NOON - MONTH, NOON + 1), QUIET: Count(1, NOON, 0)})

    store.at_once(fill)
    assert swept(store, NOON) == 0


def test_a_session_ends_with_its_time(store: Store) -> None:
    ended, living = store.at_once(lambda unit: (sign_in(unit, NOON), sign_in(unit, NOON + 1)))
    assert swept(store, NOON) == 1
    assert store.at_once(lambda unit: unit.sessions.get(ended)) is None
    assert store.at_once(lambda unit: unit.sessions.get(living)) is not None


def test_counts_are_forgotten_when_they_are_old_and_nobody_waits(store: Store) -> None:
    old = Count(3, NOON - MONTH, NOON)
    store.at_once(lambda unit: unit.throttles.put({BUSY: replace(old, wait_until=NOON + 1)}))
    store.at_once(lambda unit: unit.throttles.put({QUIET: old}))
    assert swept(store, NOON) == 1
    counts = store.at_once(lambda unit: unit.throttles.counts((BUSY, QUIET)))
    assert [count.failures for count in counts.values()] == [3, 0]


def test_news_is_dropped_when_the_tokens_it_is_about_have_expired(store: Store) -> None:
    store.at_once(lambda unit: unit.revocations.add("jti-1", NOON, NOON))
    store.at_once(lambda unit: unit.revocations.add("jti-2", NOON + 1, NOON))
    assert swept(store, NOON) == 1
    assert [n.name for n in store.at_once(lambda unit: unit.revocations.since(0))] == ["jti-2"]


def test_a_key_goes_when_it_left_the_published_set(store: Store) -> None:
    store.at_once(lambda unit: unit.signing_keys.add(a_key("key-1", published_until=NOON)))
    store.at_once(lambda unit: unit.signing_keys.add(a_key("key-2")))
    assert swept(store, NOON) == 1
    assert store.at_once(lambda unit: unit.signing_keys.all()) == [a_key("key-2")]


def test_a_used_code_is_remembered_so_that_its_replay_is_recognised(store: Store) -> None:
    """RFC 6749 §10.5."""
    store.at_once(lambda unit: unit.codes.put(a_code(expires_at=NOON)))
    store.at_once(lambda unit: unit.codes.claim(digest(CODE), NOON - 1))
    assert swept(store, NOON + MONTH - 1) == 0
    replay = store.at_once(lambda unit: unit.codes.claim(digest(CODE), NOON))
    assert replay is not None
    assert not replay.first
    assert swept(store, NOON + MONTH) == 1
    assert store.at_once(lambda unit: unit.codes.claim(digest(CODE), NOON)) is None


def test_how_long_a_used_code_is_remembered_is_a_setting(database_url: str, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        issuer="https://localhost",
        database=database_url,
        used_code_retention_seconds=10,
    )
    migrate(settings)
    store = open_store(settings)
    try:
        store.at_once(lambda unit: unit.codes.put(a_code(expires_at=NOON)))
        assert (swept(store, NOON + 9), swept(store, NOON + 10)) == (0, 1)
    finally:
        store.close()


def test_an_expired_token_goes_and_the_living_ones_of_its_grant_stay(store: Store) -> None:
    store.at_once(lambda unit: unit.grants.add(a_grant()))
    store.at_once(lambda unit: unit.refresh_tokens.put(a_token(expires_at=NOON - DAY)))
    store.at_once(lambda unit: unit.refresh_tokens.put(a_token("flx_refresh_2", generation=1)))
    assert swept(store, NOON) == 1
    assert store.at_once(lambda unit: generations(unit, FIRST_TOKEN, "flx_refresh_2")) == [None, 1]
    assert store.at_once(lambda unit: unit.grants.get("grant-1")) == a_grant()


def test_a_grant_goes_with_its_last_token_once_no_access_token_can_live(store: Store) -> None:
    store.at_once(lambda unit: unit.grants.add(a_grant()))
    store.at_once(lambda unit: unit.refresh_tokens.put(a_token(expires_at=NOON)))
    assert swept(store, NOON + DAY - 1) == 0
    assert swept(store, NOON + DAY) == 2
    assert store.at_once(lambda unit: unit.grants.get("grant-1")) is None


def test_a_grant_that_was_ended_goes_with_the_news_of_it(store: Store) -> None:
    """Its last access token has expired by then; refused as unknown is refused as ended."""

    def fill(unit: Unit) -> None:
        for number in range(5):
            connect_photos(unit, f"grant-{number}", f"token-{number}")
        unit.refresh_tokens.put(a_token("token-0-1", "grant-0", generation=1))
        unit.grants.end("grant-0", "revoked", NOON, NOON + DAY)
        unit.revocations.add("grant-1.0", NOON + DAY, NOON)

    store.at_once(fill)
    assert swept(store, NOON + DAY - 1) == 0
    assert swept(store, NOON + DAY) == 2 + 1 + 2
    tokens = ("token-0", "token-0-1", "token-1", "token-4")
    assert store.at_once(lambda unit: generations(unit, *tokens)) == [None, None, 0, 0]
    assert store.at_once(lambda unit: unit.grants.get("grant-0")) is None
    assert store.at_once(lambda unit: unit.revocations.since(0)) == []


def test_a_grant_with_many_generations_goes_in_several_sweeps(store: Store) -> None:
    def fill(unit: Unit) -> None:
        connect_photos(unit)
        for number in range(1, 25):
            unit.refresh_tokens.put(a_token(f"token-{number}", generation=number))
        unit.grants.end("grant-1", "revoked", NOON, NOON)

    store.at_once(fill)
    assert [swept(store, NOON, most=10) for _ in range(4)] == [10, 10, 5 + 1 + 1, 0]


def test_the_oldest_go_first(store: Store) -> None:
    def fill(unit: Unit) -> None:
        for number in (3, 1, 2):
            unit.revocations.add(f"jti-{number}", NOON + number, NOON)

    store.at_once(fill)
    assert swept(store, NOON + 10, most=2) == 2
    assert [n.name for n in store.at_once(lambda unit: unit.revocations.since(0))] == ["jti-3"]


def test_a_grant_that_has_no_token_yet_stays(store: Store) -> None:
    store.at_once(lambda unit: unit.clients.add(PHOTOS))
    store.at_once(lambda unit: unit.grants.add(a_grant()))
    assert swept(store, NOON + 10 * MONTH) == 0
    assert store.at_once(lambda unit: unit.grants.get("grant-1")) == a_grant()


def test_a_sweep_is_bounded_and_the_next_one_goes_on(store: Store) -> None:
    def fill(unit: Unit) -> None:
        for n in range(25):
            unit.revocations.add(f"jti-{n}", NOON, NOON)

    store.at_once(fill)
    assert [swept(store, NOON, most=10) for _ in range(4)] == [10, 10, 5, 0]


def test_while_one_node_sweeps_another_leaves_it_alone(both_nodes: tuple[Store, Store]) -> None:
    one, other = both_nodes
    one.at_once(lambda unit: unit.revocations.add("jti-1", NOON, NOON))
    begun, go_on = threading.Event(), threading.Event()

    def slowly(unit: Unit) -> int:
        count = unit.sweep(NOON, 10)
        begun.set()
        go_on.wait(0.3)  # on SQLite the other one waits for this
        return count

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(one.at_once, slowly)
        assert begun.wait(10)
        assert swept(other, NOON, 10) == 0
        go_on.set()
        assert first.result() == 1
    assert swept(other, NOON + HOUR, 10) == 0


def test_when_a_sweeper_dies_the_next_one_goes_on(
    fresh_postgres_database: str, tmp_path: Path
) -> None:
    """Only PostgreSQL has several; the lock is its connection's."""
    settings = Settings(
        data_dir=tmp_path, issuer="https://localhost", database=fresh_postgres_database
    )
    migrate(settings)
    store = open_store(settings)
    try:
        store.at_once(lambda unit: unit.revocations.add("jti-1", NOON, NOON))
        with closing(psycopg.connect(fresh_postgres_database)) as dies:
            assert SqlUnit(on_postgresql(dies.execute)).sweep(NOON, 10) == 1
            assert swept(store, NOON) == 0
            with psycopg.connect(fresh_postgres_database) as killer:
                # Waits until it is gone, for ten seconds at most.
                killer.execute("SELECT pg_terminate_backend(%s, 10000)", [dies.info.backend_pid])
        assert swept(store, NOON) == 1
    finally:
        store.close()


def test_a_count_that_changes_while_a_sweep_waits_for_it_stays(
    both_nodes: tuple[Store, Store],
) -> None:
    one, other = both_nodes
    one.at_once(lambda unit: unit.throttles.put({BUSY: Count(3, NOON - MONTH, NOON)}))
    begun = threading.Event()

    def slowly(unit: Unit) -> None:
        unit.throttles.put({BUSY: Count(1, NOON, 0)})
        begun.set()
        threading.Event().wait(0.3)  # until the sweep waits; nothing tells when it does

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(one.at_once, slowly)
        assert begun.wait(10)
        assert swept(other, NOON) == 0
        first.result()
    counts = one.at_once(lambda unit: unit.throttles.counts((BUSY,)))
    assert counts[BUSY].failures == 1


def test_sweeping_next_to_refreshes_takes_nothing_that_lives(
    both_nodes: tuple[Store, Store],
) -> None:
    def fill(unit: Unit) -> None:
        for n in range(40):
            unit.grants.add(a_grant(f"grant-{n}"))
            old = a_token(f"old-{n}", f"grant-{n}", expires_at=NOON - DAY)
            unit.refresh_tokens.put(old)

    def add_next(number: int) -> Callable[[Unit], None]:
        def work(unit: Unit) -> None:
            if unit.refresh_tokens.present(digest(f"old-{number}")) is not None:
                unit.refresh_tokens.put(a_token(f"new-{number}", f"grant-{number}", generation=1))

        return work

    async def at_once() -> None:
        await asyncio.gather(
            *(both_nodes[0].write(add_next(n)) for n in range(40)),
            *(both_nodes[1].write(lambda unit: unit.sweep(NOON, 7)) for _ in range(8)),
        )

    def left(unit: Unit) -> list[tuple[bool, bool]]:
        return [
            (
                unit.grants.get(f"grant-{n}") is not None,
                unit.refresh_tokens.present(digest(f"new-{n}")) is not None,
            )
            for n in range(40)
        ]

    both_nodes[0].at_once(fill)
    asyncio.run(at_once())
    assert all(grant == token for grant, token in both_nodes[0].at_once(left))
