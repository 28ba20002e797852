"""Tokens in a database: what a row tells, how it is sealed anew, and where the table is."""

import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import MetaData, event, inspect, text

from flextell_sdk.errors import StoreDamaged, StoreError, StoreKeyMissing
from flextell_sdk.sources import Sources
from flextell_sdk.stores import Seal, new_key, sql_rows
from flextell_sdk.stores.conformance.trial import (
    ALICE,
    BOB,
    FIRST,
    SECOND,
    changes,
    elsewhere,
    in_time,
    keep,
)
from flextell_sdk.stores.sealing import grant_name
from flextell_sdk.stores.sql import SqlStore, token_table
from flextell_sdk.tokens import Tokens
from sdk.tests.stores.places import KEY, OTHER_KEY, SEAL, InDatabase, new_engine

NOON = 1_893_456_000


def rows_of(place: InDatabase) -> list[tuple[Any, ...]]:
    with new_engine(place.url).connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM flextell_tokens"))]


# Keys.


def test_a_key_must_be_given_and_how_to_make_one_is_said(
    database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many machines share the database: a key that one of them made is no use to the others."""
    engine = new_engine(database.url)
    with pytest.raises(StoreKeyMissing, match="Set FLEXTELL_TOKEN_KEY") as refusal:
        SqlStore(engine)
    recipe = shlex.split(str(refusal.value).partition("To make one: ")[2])
    made = subprocess.run([sys.executable, *recipe[1:]], capture_output=True, text=True, check=True)
    monkeypatch.setenv("FLEXTELL_TOKEN_KEY", made.stdout.strip())
    store = SqlStore(engine)
    store.create_table()
    keep(store, ALICE, FIRST)

    assert recipe[0] == "python"
    assert SqlStore(engine).load(ALICE) == FIRST
    monkeypatch.setenv("FLEXTELL_TOKEN_KEY", new_key())
    with pytest.raises(StoreKeyMissing):
        SqlStore(engine).load(ALICE)


def test_everything_is_sealed_anew_under_a_new_key_some_at_a_time(
    database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_rows, "PAGE", 3)
    before, after = database(), database(Seal((OTHER_KEY, KEY)))
    for number in range(10):
        keep(before, f"grant {number}", FIRST)
    keep(after, "grant 4", SECOND)
    with after.hold("nobody's", 0):
        assert after.reseal() == 9

    new = database(Seal((OTHER_KEY,)))
    assert [new.load(f"grant {number}") for number in (0, 4, 9)] == [FIRST, SECOND, FIRST]
    assert before.load("nobody's") is None
    assert after.reseal() == 0


def test_what_cannot_be_opened_does_not_stop_the_sealing(
    store: SqlStore, database: InDatabase
) -> None:
    for key in (ALICE, BOB):
        keep(store, key, FIRST)
    with new_engine(database.url).begin() as connection:
        damage = text("UPDATE flextell_tokens SET sealed = :sealed WHERE grant_key = :key")
        connection.execute(damage, {"sealed": b"Dear Alice", "key": grant_name(ALICE)})
    after = database(Seal((OTHER_KEY, KEY)))

    assert after.reseal() == 1
    assert after.load(BOB) == FIRST
    with pytest.raises(StoreDamaged):
        after.load(ALICE)
    keep(after, ALICE, SECOND)
    assert after.load(ALICE) == SECOND


def test_programs_go_on_while_everything_is_sealed_anew(database: InDatabase) -> None:
    stores = [database(Seal((OTHER_KEY, KEY))), database(Seal((KEY, OTHER_KEY)))]
    changing = elsewhere(changes, stores[1], 200)
    resealed = stores[0].reseal()
    while not changing.done():
        resealed += stores[0].reseal()

    assert resealed > 0
    assert in_time(changing) == list(range(1, 201))
    assert stores[0].load(ALICE) == replace(FIRST, version=200)


# What is in a row.


def test_a_row_tells_neither_person_nor_app_nor_token(database: InDatabase) -> None:
    store = database(sources=Sources(now=lambda: NOON + 0.9))
    keep(store, ALICE, FIRST)
    ((name, sealed, changed_at),) = rows_of(database)

    assert (name, changed_at) == (grant_name(ALICE), NOON)
    assert SEAL.open(sealed, name) == FIRST.to_bytes()
    for word in (b"alice", b"photos", b"login", b"token", b"read"):
        assert word not in bytes(sealed).lower()


def test_a_row_of_one_grant_in_place_of_anothers_is_refused(
    store: SqlStore, database: InDatabase
) -> None:
    keep(store, ALICE, FIRST)
    with new_engine(database.url).begin() as connection:
        connection.execute(
            text("UPDATE flextell_tokens SET grant_key = :key"), {"key": grant_name(BOB)}
        )

    with pytest.raises(StoreDamaged, match="belong to another grant"):
        store.load(BOB)


def leave(store: SqlStore) -> None:
    with store.hold(ALICE, 0) as held:
        assert held.tokens is None


def fail(store: SqlStore) -> None:
    with pytest.raises(ZeroDivisionError), store.hold(ALICE, 0):
        raise ZeroDivisionError


def drop(store: SqlStore) -> None:
    keep(store, ALICE, FIRST)
    keep(store, ALICE, None)


@pytest.mark.parametrize("happens", [leave, fail, drop])
def test_of_a_grant_without_tokens_no_row_is_left(
    happens: Callable[[SqlStore], None], store: SqlStore, database: InDatabase
) -> None:
    happens(store)

    assert rows_of(database) == []


# The table.


def test_a_table_that_is_missing_is_said_to_be_and_is_made(database: InDatabase) -> None:
    store = SqlStore(new_engine(database.url), SEAL)
    for use in (lambda: store.load(ALICE), lambda: keep(store, ALICE, FIRST), store.reseal):
        with pytest.raises(StoreError, match=r"flextell_tokens; .* create_table\(\) makes it"):
            cast(Callable[[], object], use)()
    store.create_table()
    store.create_table()
    keep(store, ALICE, FIRST)

    assert store.load(ALICE) == FIRST


def test_programs_that_start_together_can_all_make_the_table(database: InDatabase) -> None:
    begin = threading.Barrier(8)

    def start(name: str) -> Tokens | None:
        store = SqlStore(new_engine(database.url), SEAL, table=name)
        begin.wait()
        store.create_table()
        return store.load(ALICE)

    for name in ("one", "two", "three"):
        starting = [elsewhere(start, name) for _ in range(8)]
        assert [in_time(each) for each in starting] == [None] * 8


def test_the_table_can_be_made_by_ones_own_migrations_under_another_name(
    database: InDatabase,
) -> None:
    engine, ours = new_engine(database.url), MetaData()
    token_table(ours, "connections")
    ours.create_all(engine)
    store = SqlStore(engine, SEAL, table="connections")
    keep(store, ALICE, FIRST)

    assert store.load(ALICE) == FIRST
    assert inspect(engine).get_table_names() == ["connections"]


def test_the_table_can_be_in_a_schema(postgres: InDatabase) -> None:
    engine = new_engine(postgres.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA shop"))
    store = SqlStore(engine, SEAL, schema="shop")
    store.create_table()
    keep(store, ALICE, FIRST)

    assert store.load(ALICE) == FIRST
    assert inspect(engine).get_table_names("shop") == ["flextell_tokens"]


def test_the_table_can_be_in_a_database_that_sqlite_attached(
    sqlite: InDatabase, tmp_path: Path
) -> None:
    engine = new_engine(sqlite.url)

    @event.listens_for(engine, "connect")
    def attach(connection: Any, _: Any) -> None:
        connection.execute(f"ATTACH '{tmp_path / 'other.db'}' AS other")

    store = SqlStore(engine, SEAL, schema="other")
    store.create_table()
    with store.hold(ALICE, 0) as held:
        assert list((tmp_path / "other.db-flextell-locks").iterdir())
        held.replace(FIRST)

    assert store.load(ALICE) == FIRST


# What need not be installed.


def test_nobody_who_does_without_it_needs_sqlalchemy_or_a_keyring() -> None:
    script = "import flextell_sdk.stores, sys; print({'sqlalchemy', 'keyring'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"
