"""A token store of your own keeps every promise: each test has an empty database."""

from functools import partial

import psycopg
import pytest

from flextell_sdk.stores.conformance import PROMISES, PROMISES_TO_OTHER_PROCESSES, Promise
from own_store import CREATE, PostgresStore


@pytest.mark.parametrize("promise", PROMISES + PROMISES_TO_OTHER_PROCESSES)
def test_a_promise_is_kept(promise: Promise, fresh_postgres_database: str) -> None:
    with psycopg.connect(fresh_postgres_database) as connection:
        connection.execute(CREATE)
    promise(partial(PostgresStore, fresh_postgres_database))
