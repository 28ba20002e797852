"""A database that comes out of a backup: the world went on without it."""

import pytest

from flextell.store.port import Store, Unit
from tests.store.samples import CODE, HOUR, NOON, a_code, a_key, connect_photos, digest
from tests.store.test_sweep import sign_in


def news(store: Store) -> list[int]:
    return [item.sequence for item in store.at_once(lambda unit: unit.revocations.since(0))]


def revoke_something(unit: Unit) -> None:
    unit.revocations.add("jti", NOON + HOUR, NOON)


@pytest.mark.parametrize("before", [0, 3])
def test_news_is_numbered_on_from_where_nobody_has_been(store: Store, before: int) -> None:
    for _ in range(before):
        store.at_once(revoke_something)
    highest = max(news(store), default=0)
    store.at_once(lambda unit: unit.number_news_anew(NOON))
    store.at_once(revoke_something)

    assert news(store)[-1] > highest + 1_000_000


def test_numbers_never_go_back_whatever_the_clock_says(store: Store) -> None:
    store.at_once(lambda unit: unit.number_news_anew(NOON))
    store.at_once(revoke_something)
    store.at_once(lambda unit: unit.number_news_anew(NOON - HOUR))
    store.at_once(revoke_something)

    first, second = news(store)
    assert first < second


def test_ending_all_access_leaves_nothing_that_opens_anything(store: Store) -> None:
    def fill(unit: Unit) -> bytes:
        connect_photos(unit)
        unit.grants.end("grant-1", "revoked", NOON, NOON)
        connect_photos(unit, "grant-2", "flx_refresh_2")
        connect_photos(unit, "grant-3", "flx_refresh_3")
        unit.codes.put(a_code())
        unit.signing_keys.add(a_key())
        return sign_in(unit, NOON + HOUR)

    session = store.at_once(fill)

    assert store.at_once(lambda unit: unit.end_all_access(NOON)) == 2
    assert store.at_once(lambda unit: unit.grants.living()) == []
    assert store.at_once(lambda unit: unit.codes.claim(digest(CODE), NOON)) is None
    assert store.at_once(lambda unit: unit.signing_keys.all()) == []
    assert store.at_once(lambda unit: unit.sessions.get(session)) is None
    assert store.at_once(lambda unit: unit.end_all_access(NOON)) == 0
