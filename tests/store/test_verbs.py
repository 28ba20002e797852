"""What each verb of the store promises to one caller, on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from flextell.accounts.model import Person, Session
from flextell.accounts.throttle import Count, Key, Kind
from flextell.oauth import scopes
from flextell.oauth.grants.authorization_code import ClaimedCode
from flextell.oauth.grants.refresh_token import Presented
from flextell.oauth.model import Client, RefreshToken
from flextell.store.port import Duplicate, Revocation, Store, Unit
from tests.store.samples import (
    BOTH,
    CODE,
    CONSENT,
    FIRST_TOKEN,
    NOON,
    PHONE,
    PHOTOS,
    SECRET,
    a_code,
    a_grant,
    a_key,
    a_token,
    connect_photos,
    digest,
)

ALICE = "alice@example.com"
SESSION = b"s" * 32
TRIES = Key(Kind.ACCOUNT, ALICE)
ADDRESS = Key(Kind.ADDRESS, "192.0.2.1")


def add_person(unit: Unit, email: str = ALICE, subject: str = "sub-alice") -> Person:
    return unit.people.add(subject=subject, email=email, name="Alice", password_hash="h", now=NOON)


def sign_in(unit: Unit) -> Session:
    session = Session(SESSION, add_person(unit).person_id, NOON, NOON, NOON + 60)
    unit.sessions.put(session)
    return session


def put_token(store: Store, token: RefreshToken) -> None:
    store.at_once(lambda unit: unit.refresh_tokens.put(token))


# Clients


@pytest.mark.parametrize("client", [PHOTOS, PHONE], ids=lambda client: client.name)
def test_a_client_comes_back_as_it_was_registered(store: Store, client: Client) -> None:
    store.at_once(lambda unit: unit.clients.add(client))
    assert store.at_once(lambda unit: unit.clients.get(client.client_id)) == client


def test_clients_are_listed_oldest_first(store: Store) -> None:
    def work(unit: Unit) -> list[str]:
        unit.clients.add(PHONE)
        unit.clients.add(PHOTOS)
        return [client.name for client in unit.clients.all()]

    assert store.at_once(work) == ["Photos", "Phone"]


def test_a_deleted_client_is_gone(store: Store) -> None:
    store.at_once(lambda unit: unit.clients.add(PHOTOS))
    assert store.at_once(lambda unit: unit.clients.delete("photos", NOON)) is True
    assert store.at_once(lambda unit: unit.clients.get("photos")) is None
    assert store.at_once(lambda unit: unit.clients.all()) == []
    assert store.at_once(lambda unit: unit.clients.delete("photos", NOON)) is False
    assert store.at_once(lambda unit: unit.clients.replace_secret("photos", digest("x"))) is False


def test_a_replaced_secret_is_the_only_one(store: Store) -> None:
    store.at_once(lambda unit: unit.clients.add(PHOTOS))
    assert store.at_once(lambda unit: unit.clients.replace_secret("photos", digest("new"))) is True
    found = store.at_once(lambda unit: unit.clients.get("photos"))
    assert found == replace(PHOTOS, secret_digest=digest("new"))
    assert found is not None
    assert found.secret_digest != digest(SECRET)


def test_a_public_client_is_given_no_secret(store: Store) -> None:
    store.at_once(lambda unit: unit.clients.add(PHONE))
    assert store.at_once(lambda unit: unit.clients.replace_secret("phone", digest("x"))) is False
    assert store.at_once(lambda unit: unit.clients.get("phone")) == PHONE


# Codes


def test_a_code_is_claimed_as_it_was_put_and_only_once_first(store: Store) -> None:
    store.at_once(lambda unit: unit.codes.put(a_code()))
    claim = [store.at_once(lambda unit: unit.codes.claim(digest(CODE), NOON)) for _ in range(3)]
    assert claim == [ClaimedCode(a_code(), first) for first in (True, False, False)]


def test_an_unknown_code_cannot_be_claimed(store: Store) -> None:
    assert store.at_once(lambda unit: unit.codes.claim(digest("nothing"), NOON)) is None


# Grants and refresh tokens


def test_a_grant_comes_back_and_is_ended_once(store: Store) -> None:
    store.at_once(lambda unit: unit.grants.add(a_grant()))
    assert store.at_once(lambda unit: unit.grants.get("grant-1")) == a_grant()
    end = [
        store.at_once(lambda unit: unit.grants.end("grant-1", "revoked", NOON + 9, NOON + 99))
        for _ in range(2)
    ]
    assert end == [True, False]
    assert store.at_once(lambda unit: unit.grants.get("grant-1")) == replace(
        a_grant(), ended_at=NOON + 9
    )
    assert store.at_once(lambda unit: unit.revocations.since(0)) == [
        Revocation(1, "grant-1", NOON + 99)
    ]


def test_a_grant_that_never_was_cannot_be_ended_and_makes_no_news(store: Store) -> None:
    assert store.at_once(lambda unit: unit.grants.end("nothing", "revoked", NOON, NOON)) is False
    assert store.at_once(lambda unit: unit.grants.get("nothing")) is None
    assert store.at_once(lambda unit: unit.revocations.since(0)) == []


def test_living_grants_are_found_by_person_by_client_and_by_both(store: Store) -> None:
    def work(unit: Unit) -> None:
        unit.grants.add(a_grant("grant-3", created_at=NOON + 3))
        unit.grants.add(a_grant("grant-1"))
        unit.grants.add(a_grant("grant-2", subject="sub-bob"))
        unit.grants.add(replace(a_grant("grant-4"), client_id="phone"))
        unit.grants.add(a_grant("grant-5"))
        unit.grants.end("grant-5", "revoked", NOON, NOON)

    def names(**asked: str) -> list[str]:
        return [g.grant_id for g in store.at_once(lambda unit: unit.grants.living(**asked))]

    store.at_once(work)
    assert names(subject="sub-alice") == ["grant-1", "grant-4", "grant-3"]
    assert names(client_id="photos") == ["grant-1", "grant-2", "grant-3"]
    assert names(subject="sub-alice", client_id="photos") == ["grant-1", "grant-3"]


def test_a_presented_token_comes_with_its_grant_and_what_came_after(store: Store) -> None:
    tokens = [a_token(f"flx_refresh_{n}", generation=n, sealed=bytes([n, 0])) for n in range(4)]

    def present(number: int) -> Presented | None:
        return store.at_once(
            lambda unit: unit.refresh_tokens.present(digest(f"flx_refresh_{number}"))
        )

    store.at_once(lambda unit: unit.grants.add(a_grant()))
    for number, token in enumerate(tokens[:3]):
        put_token(store, token)
        assert present(number) == Presented(token, a_grant())
    assert present(1) == Presented(tokens[1], a_grant(), successor=tokens[2])
    assert present(0) == Presented(tokens[0], a_grant(), successor=tokens[1], successor_used=True)
    assert present(3) is None


def test_a_presented_token_shows_that_its_grant_has_ended(store: Store) -> None:
    store.at_once(connect_photos)
    store.at_once(lambda unit: unit.grants.end("grant-1", "revoked", NOON + 1, NOON + 9))
    presented = store.at_once(lambda unit: unit.refresh_tokens.present(digest(FIRST_TOKEN)))
    assert presented is not None
    assert presented.grant.ended_at == NOON + 1


def test_two_tokens_of_one_generation_cannot_be_kept(store: Store) -> None:
    store.at_once(connect_photos)
    with pytest.raises(Exception, match=r"(?i)unique"):
        store.at_once(lambda unit: unit.refresh_tokens.put(a_token("flx_refresh_twin")))


def test_receipt_is_noted_once_and_seen_by_who_presents_the_predecessor(store: Store) -> None:
    store.at_once(connect_photos)
    store.at_once(lambda unit: unit.refresh_tokens.put(a_token("flx_refresh_2", generation=1)))
    seen = {("grant-1", 1), ("grant-1", 7), ("nothing", 1)}
    store.at_once(lambda unit: unit.refresh_tokens.note_received(seen, NOON + 5))
    store.at_once(lambda unit: unit.refresh_tokens.note_received(seen, NOON + 50))
    presented = store.at_once(lambda unit: unit.refresh_tokens.present(digest(FIRST_TOKEN)))
    assert presented is not None
    assert presented.seen
    assert presented.successor is not None
    assert presented.successor.received_at == NOON + 5
    assert presented.token.received_at is None


# Revocations


def test_news_comes_in_order_and_only_what_is_new(store: Store) -> None:
    def work(unit: Unit) -> None:
        for name in ("jti-1", "jti-2", "jti-3"):
            unit.revocations.add(name, NOON + 60, NOON)

    store.at_once(work)
    news = store.at_once(lambda unit: unit.revocations.since(0))
    assert [item.name for item in news] == ["jti-1", "jti-2", "jti-3"]
    assert store.at_once(lambda unit: unit.revocations.since(news[1].sequence)) == news[2:]
    assert store.at_once(lambda unit: unit.revocations.since(news[2].sequence)) == []


def test_news_comes_in_parts_as_large_as_asked_for(store: Store) -> None:
    def work(unit: Unit) -> None:
        for name in ("jti-1", "jti-2", "jti-3"):
            unit.revocations.add(name, NOON + 60, NOON)

    store.at_once(work)
    news = store.at_once(lambda unit: unit.revocations.since(0))
    assert store.at_once(lambda unit: unit.revocations.since(0, 2)) == news[:2]
    assert store.at_once(lambda unit: unit.revocations.since(news[1].sequence, 2)) == news[2:]


def test_a_number_is_never_given_twice_even_when_the_newest_news_was_swept(store: Store) -> None:
    store.at_once(lambda unit: unit.revocations.add("jti-1", NOON, NOON))
    (old,) = store.at_once(lambda unit: unit.revocations.since(0))
    store.at_once(lambda unit: unit.sweep(NOON, 10))
    store.at_once(lambda unit: unit.revocations.add("jti-2", NOON + 60, NOON))
    (new,) = store.at_once(lambda unit: unit.revocations.since(old.sequence))
    assert new.name == "jti-2"


def test_the_last_resort_knows_each_name(store: Store) -> None:
    store.at_once(lambda unit: unit.revocations.add("jti-1", NOON + 60, NOON))
    assert store.at_once(lambda unit: unit.revocations.any_of(("grant-1", "jti-1"))) is True
    assert store.at_once(lambda unit: unit.revocations.any_of(("grant-1", "jti-2"))) is False
    assert store.at_once(lambda unit: unit.revocations.any_of(())) is False


# Consents


def test_the_last_answer_is_the_one_remembered_until_it_is_forgotten(store: Store) -> None:
    assert store.at_once(lambda unit: unit.consents.get("sub-alice", "photos")) is None
    store.at_once(lambda unit: unit.consents.put(CONSENT))
    narrower = replace(CONSENT, scopes=scopes.parse("account:read"), answered_at=NOON + 5)
    store.at_once(lambda unit: unit.consents.put(narrower))
    assert store.at_once(lambda unit: unit.consents.get("sub-alice", "photos")) == narrower
    assert store.at_once(lambda unit: unit.consents.get("sub-alice", "phone")) is None
    assert store.at_once(lambda unit: unit.consents.get("sub-bob", "photos")) is None
    store.at_once(lambda unit: unit.consents.forget("sub-alice", "photos"))
    assert store.at_once(lambda unit: unit.consents.get("sub-alice", "photos")) is None


# People and sessions


def test_a_person_is_found_by_address_and_by_subject(store: Store) -> None:
    alice = store.at_once(add_person)
    assert (alice.email, alice.subject, alice.created_at) == (ALICE, "sub-alice", NOON)
    assert store.at_once(lambda unit: unit.people.by_email(ALICE)) == alice
    assert store.at_once(lambda unit: unit.people.by_subject("sub-alice")) == alice
    assert store.at_once(lambda unit: unit.people.by_email("bob@example.com")) is None
    assert store.at_once(lambda unit: unit.people.by_subject("sub-bob")) is None


def test_everyone_is_listed_oldest_first(store: Store) -> None:
    store.at_once(lambda unit: add_person(unit, "zoe@example.com", "sub-zoe"))
    store.at_once(add_person)
    people = store.at_once(lambda unit: unit.people.all())
    assert [person.email for person in people] == ["zoe@example.com", ALICE]


def test_an_address_is_taken_once(store: Store) -> None:
    store.at_once(add_person)
    with pytest.raises(Duplicate, match="e-mail address"):
        store.at_once(lambda unit: add_person(unit, subject="sub-other"))
    assert len(store.at_once(lambda unit: unit.people.all())) == 1


def test_a_password_hash_is_replaced(store: Store) -> None:
    alice = store.at_once(add_person)
    store.at_once(lambda unit: unit.people.set_password_hash(alice.person_id, "better"))
    found = store.at_once(lambda unit: unit.people.by_email(ALICE))
    assert found == replace(alice, password_hash="better")


def test_a_disabled_person_stays_known_but_is_signed_out_everywhere(store: Store) -> None:
    session = store.at_once(sign_in)
    store.at_once(lambda unit: unit.people.disable(session.person_id, NOON + 1))
    store.at_once(lambda unit: unit.people.disable(session.person_id, NOON + 2))
    found = store.at_once(lambda unit: unit.people.by_email(ALICE))
    assert found is not None
    assert found.disabled_at == NOON + 1
    assert store.at_once(lambda unit: unit.sessions.get(SESSION)) is None


def test_what_a_disabled_person_allowed_a_moment_ago_cannot_be_exchanged(store: Store) -> None:
    """Only codes that wait: a used one is kept to recognise its replay."""
    alice = store.at_once(add_person)
    store.at_once(lambda unit: unit.codes.put(a_code("flx_code_used")))
    store.at_once(lambda unit: unit.codes.claim(digest("flx_code_used"), NOON))
    store.at_once(lambda unit: unit.codes.put(a_code("flx_code_unused")))
    bobs = replace(a_code("flx_code_bobs"), subject="sub-bob")
    store.at_once(lambda unit: unit.codes.put(bobs))
    store.at_once(lambda unit: unit.people.disable(alice.person_id, NOON))
    assert store.at_once(lambda unit: unit.codes.claim(digest("flx_code_unused"), NOON)) is None
    assert store.at_once(lambda unit: unit.codes.claim(bobs.digest, NOON)) is not None
    replayed = store.at_once(lambda unit: unit.codes.claim(digest("flx_code_used"), NOON))
    assert replayed is not None
    assert not replayed.first


def test_a_session_of_a_disabled_person_does_not_hold_however_it_came_to_be(store: Store) -> None:
    session = store.at_once(sign_in)
    store.at_once(lambda unit: unit.people.disable(session.person_id, NOON))
    store.at_once(lambda unit: unit.sessions.put(session))
    assert store.at_once(lambda unit: unit.sessions.get(SESSION)) is None


def test_a_session_comes_with_its_person_until_it_is_ended(store: Store) -> None:
    session = store.at_once(sign_in)
    found = store.at_once(lambda unit: unit.sessions.get(SESSION))
    assert found is not None
    assert found[0] == session
    assert found[1].email == ALICE
    store.at_once(lambda unit: unit.sessions.note_use(SESSION, NOON + 30))
    used = store.at_once(lambda unit: unit.sessions.get(SESSION))
    assert used is not None
    assert used[0] == replace(session, seen_at=NOON + 30)
    store.at_once(lambda unit: unit.sessions.end(SESSION))
    assert store.at_once(lambda unit: unit.sessions.get(SESSION)) is None
    assert store.at_once(lambda unit: unit.sessions.get(b"other")) is None


# Throttles


def test_counts_are_kept_by_key_and_forgotten_by_key(store: Store) -> None:
    count, other = Count(3, NOON, NOON + 4), Count(1, NOON, 0)
    store.at_once(lambda unit: unit.throttles.put({TRIES: Count(1, 1, 1), ADDRESS: other}))
    store.at_once(lambda unit: unit.throttles.put({TRIES: count}))
    assert store.at_once(lambda unit: unit.throttles.counts((ADDRESS, TRIES))) == {
        TRIES: count,
        ADDRESS: other,
    }
    store.at_once(lambda unit: unit.throttles.forget([TRIES]))
    assert store.at_once(lambda unit: unit.throttles.counts((TRIES, ADDRESS))) == {
        TRIES: Count(),
        ADDRESS: other,
    }


# Signing keys


def test_keys_come_back_oldest_first_and_say_when_they_leave(store: Store) -> None:
    older = replace(a_key("key-0"), created_at=NOON - 1)
    store.at_once(lambda unit: unit.signing_keys.add(a_key("key-1")))
    store.at_once(lambda unit: unit.signing_keys.add(older))
    store.at_once(lambda unit: unit.signing_keys.retire("key-0", NOON + 60))
    assert store.at_once(lambda unit: unit.signing_keys.all()) == [
        replace(older, published_until=NOON + 60),
        a_key("key-1"),
    ]


# Text


@pytest.mark.parametrize("name", ["100 % \\ 'quoted' \"twice\" :name %(name)s", "Łódź 東京 🙂"])
def test_text_is_kept_as_it_is(store: Store, name: str) -> None:
    store.at_once(lambda unit: unit.clients.add(replace(PHOTOS, name=name, scopes=BOTH)))
    found = store.at_once(lambda unit: unit.clients.get("photos"))
    assert found is not None
    assert found.name == name
