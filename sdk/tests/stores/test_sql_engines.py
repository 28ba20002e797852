"""Whatever engine it is, a row is held, and the database is there for others too."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine, create_engine, event, exc, text

from flextell_sdk.errors import StoreBusy, StoreError
from flextell_sdk.stores.conformance import Promise, in_one_process
from flextell_sdk.stores.conformance.trial import (
    ALICE,
    BOB,
    FIRST,
    SECOND,
    SOON,
    changes,
    elsewhere,
    in_time,
    is_busy,
    keep,
)
from flextell_sdk.stores.sql import SqlStore
from flextell_sdk.stores.sql_rows import is_busy as is_said_to_be_busy
from sdk.tests.stores.places import SEAL, InDatabase, new_engine

LEVELS = {
    "sqlite": ("AUTOCOMMIT", "READ UNCOMMITTED", "SERIALIZABLE"),
    "postgres": ("AUTOCOMMIT", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"),
}


def state_of(engine: Engine) -> tuple[object, ...]:
    """How transactions are on a connection that is used for something else."""
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        autocommit = getattr(driver, "autocommit", None)
        return connection.get_isolation_level(), driver.isolation_level, autocommit


@pytest.mark.parametrize(
    ("kind", "level"), [(kind, level) for kind, levels in LEVELS.items() for level in levels]
)
@pytest.mark.parametrize(
    "promise",
    [
        in_one_process.a_hold_keeps_others_out,
        in_one_process.who_waits_gets_the_hold_and_the_newest_tokens,
        in_one_process.a_mistake_in_a_hold_changes_nothing_and_lets_go,
        in_one_process.threads_lose_no_change,
    ],
)
def test_promises_are_kept_at_whatever_isolation_level_the_engine_has(
    promise: Promise,
    kind: str,
    level: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_one_process, "CHANGES_BY_THREADS", 200)
    place: InDatabase = request.getfixturevalue(kind)
    place()
    engines = [new_engine(place.url, isolation_level=level) for _ in range(9)]
    stores = iter([SqlStore(engine, SEAL) for engine in engines])
    before = state_of(engines[0])

    promise(lambda: next(stores))

    assert all(state_of(engine) == before for engine in engines)


def test_promises_are_kept_where_sqlite_begins_transactions_as_its_documentation_advises(
    sqlite: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_one_process, "CHANGES_BY_THREADS", 200)
    sqlite()

    def open_store() -> SqlStore:
        engine = new_engine(sqlite.url)

        @event.listens_for(engine, "connect")
        def begin_nothing(connection: Any, _: Any) -> None:
            connection.isolation_level = None

        @event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN")

        return SqlStore(engine, SEAL)

    in_one_process.threads_lose_no_change(open_store)


def test_a_database_that_cannot_hold_a_row_is_refused() -> None:
    engine = cast(Engine, SimpleNamespace(dialect=SimpleNamespace(name="mssql")))

    with pytest.raises(StoreError, match="in mariadb, mysql, postgresql, sqlite, and not in mssql"):
        SqlStore(engine, SEAL)


def test_a_database_in_memory_is_refused() -> None:
    store = SqlStore(new_engine("sqlite://"), SEAL)
    store.create_table()

    with pytest.raises(StoreError, match="take a file, or a MemoryStore"), store.hold(ALICE, 0):
        pass


def test_a_database_that_cannot_be_reached_is_said_to_be_and_no_password_is_told() -> None:
    engine = create_engine("postgresql+psycopg://alice:s3cret@127.0.0.1:1/shop?connect_timeout=2")
    store = SqlStore(engine, SEAL)

    for use in (lambda: store.load(ALICE), lambda: keep(store, ALICE, FIRST)):
        with pytest.raises(StoreError) as problem:
            cast(Callable[[], object], use)()
        assert "s3cret" not in f"{problem.value} {problem.value.__cause__!r}"


# What else happens in the database while a grant is held.


def test_threads_that_wait_take_no_connections(postgres: InDatabase) -> None:
    postgres()
    engine = new_engine(postgres.url, pool_size=2, max_overflow=0, pool_timeout=1)
    store = SqlStore(engine, SEAL)
    taken = threading.Event()
    with store.hold(ALICE, 0) as held:
        event.listen(engine, "checkout", lambda *_: taken.set())
        waiting = [elsewhere(changes, store, 1) for _ in range(20)]
        assert not taken.wait(SOON)
        assert store.load(BOB) is None
        held.replace(FIRST)

    assert sorted(in_time(each)[0] for each in waiting) == list(range(2, 22))


def test_a_pool_that_has_no_connection_left_is_said_to_be_busy(postgres: InDatabase) -> None:
    postgres()
    engine = new_engine(postgres.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    store = SqlStore(engine, SEAL)

    with store.hold(ALICE, 0), pytest.raises(StoreBusy, match="No connection"):
        store.load(BOB)


def test_others_write_to_sqlite_while_a_grant_is_held(sqlite: InDatabase) -> None:
    store, engine = sqlite(), new_engine(sqlite.url, connect_args={"timeout": 0})
    with store.hold(ALICE, 0) as held:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE orders (number INTEGER)"))
            connection.execute(text("INSERT INTO orders VALUES (1)"))
        held.replace(FIRST)

    assert store.load(ALICE) == FIRST


def test_if_others_write_to_sqlite_for_too_long_the_old_tokens_stay(sqlite: InDatabase) -> None:
    keep(sqlite(), ALICE, FIRST)
    store = SqlStore(new_engine(sqlite.url, connect_args={"timeout": 0.05}), SEAL)
    with new_engine(sqlite.url).begin() as connection:
        connection.execute(text("DELETE FROM flextell_tokens WHERE grant_key = ''"))
        with pytest.raises(StoreBusy, match="Others use the database"):
            keep(store, ALICE, SECOND)
        assert store.load(ALICE) == FIRST

    keep(store, ALICE, SECOND)
    assert store.load(ALICE) == SECOND


def end_all_connections(place: InDatabase) -> None:
    with new_engine(place.url).connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_hold_whose_connection_breaks_keeps_nothing_and_says_so(postgres: InDatabase) -> None:
    store = postgres()
    keep(store, ALICE, FIRST)
    with store.hold(ALICE, 0) as held:
        end_all_connections(postgres)
        with pytest.raises(StoreError):
            held.replace(SECOND)

    assert store.load(ALICE) == FIRST
    keep(store, ALICE, SECOND)
    assert store.load(ALICE) == SECOND


def test_a_hold_whose_connection_breaks_is_let_go(postgres: InDatabase) -> None:
    store, other = postgres(), postgres()
    with store.hold(ALICE, 0):
        assert is_busy(other)
        end_all_connections(postgres)
        with pytest.raises(StoreError):
            is_busy(other)  # its connection was ended too: the pool notices by that
        assert not is_busy(other)


def test_the_callers_own_mistakes_with_the_database_stay_its_own(store: SqlStore) -> None:
    with pytest.raises(exc.NoSuchTableError), store.hold(ALICE, 0):
        raise exc.NoSuchTableError("orders")


# What drivers say.


class Said(Exception):
    """What a driver raises, with what it says of it."""

    def __init__(self, *args: object, **attributes: object) -> None:
        super().__init__(*args)
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("error", "busy"),
    [
        (Said("waits", sqlstate="55P03"), True),
        (Said("waits", pgcode="40P01"), True),
        (Said({"C": "40001", "M": "waits"}), True),
        (Said(1205, "Lock wait timeout exceeded"), True),
        (Said(1213, "Deadlock found"), True),
        (Said(3572, "Statement aborted because lock(s) could not be acquired"), True),
        (Said("locked", sqlite_errorname="SQLITE_BUSY_SNAPSHOT"), True),
        (Said("no table", sqlstate="42P01"), False),
        (Said({"C": "42P01"}), False),
        (Said(1146, "Table does not exist"), False),
        (Said("full", sqlite_errorname="SQLITE_FULL"), False),
        (Said(), False),
        (Said(None), False),
        (Said({}), False),
    ],
)
def test_busy_is_understood_in_the_words_of_each_driver(error: Said, busy: bool) -> None:
    assert is_said_to_be_busy(exc.DBAPIError("SELECT 1", {}, error)) == busy
