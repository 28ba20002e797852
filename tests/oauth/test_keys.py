"""Signing keys: named, published, taken into use, retired (RFC 7517, RFC 7638)."""

from dataclasses import replace
from typing import get_args

import pytest
from joserfc.jwk import KeySet, RSAKey

from flextell.oauth import keys
from flextell.oauth.jwt import Algorithm
from flextell.oauth.keys import KeyRecord, Purpose
from tests.oauth.asked import published, signing_key
from tests.world import NOON

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
DAY = 24 * 3600


def record(
    kid: str,
    active_from: int = NOON,
    *,
    purpose: Purpose = "access_token",
    algorithm: Algorithm = "ES256",
    published_until: int | None = None,
) -> KeyRecord:
    """A key as the store keeps it."""
    members = keys.public_members(signing_key(algorithm).private)
    return KeyRecord(
        kid, purpose, algorithm, b"sealed", members, active_from, active_from, published_until
    )


def test_the_worked_example_of_a_thumbprint() -> None:
    """RFC 7638 §3.1."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPeb"
        "WKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368Q"
        "QMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2"
        "NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    members = {"kty": "RSA", "n": n, "e": "AQAB"}
    assert keys.thumbprint(members) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_implementation_reads_our_keys_and_names_them_the_same(
    algorithm: Algorithm,
) -> None:
    """RFC 7517 §4, RFC 7518 §6, RFC 8037 §2, RFC 7638 §3."""
    for number in range(2 if algorithm == "RS256" else 20):  # leading zeros come up now and then
        private = signing_key(algorithm, number).private
        members, theirs = keys.public_members(private), published(private)
        assert theirs.thumbprint() == keys.thumbprint(members)
        assert theirs.as_dict(private=False).items() >= members.items()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_published_key_says_what_it_is_for_and_nothing_private(algorithm: Algorithm) -> None:
    """RFC 7517 §4.2, §4.4, §4.5, §9.2."""
    members = keys.jwk(record("key-1", algorithm=algorithm))
    assert (members["kid"], members["use"], members["alg"]) == ("key-1", "sig", algorithm)
    assert not members.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert len(KeySet.import_key_set({"keys": [{**members}]}).keys) == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_private_key_is_written_and_read_back(algorithm: Algorithm) -> None:
    """RFC 5208 PKCS #8."""
    private = signing_key(algorithm).private
    again = keys.from_der(keys.to_der(private))
    assert keys.public_members(again) == keys.public_members(private)


def test_what_is_no_private_key_of_ours_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        keys.from_der(b"not a key")


def test_an_rsa_key_is_large_enough() -> None:
    """RFC 7518 §3.3: a key of size 2048 bits or larger MUST be used."""
    theirs = published(signing_key("RS256").private)
    assert isinstance(theirs, RSAKey)
    assert theirs.raw_value.key_size >= 2048


# From birth to retirement.


def test_without_a_key_one_is_due_and_nothing_can_be_signed() -> None:
    assert keys.signing([], "access_token", NOON) is None
    assert keys.due([], "access_token", "ES256", 90 * DAY, NOON)


def test_a_new_key_is_published_before_it_signs() -> None:
    """Nobody meets a token of a key that they cannot have fetched yet."""
    old, new = record("old"), record("new", NOON + 600)
    both = [new, old]
    assert keys.published(both, NOON) == both
    assert keys.waiting(both, "access_token", NOON)
    assert keys.signing(both, "access_token", NOON + 599) is old
    assert keys.signing(both, "access_token", NOON + 600) is new
    assert not keys.waiting(both, "access_token", NOON + 600)


def test_a_retired_key_stays_published_until_its_last_token_ended() -> None:
    old = record("old", published_until=NOON + 3600)
    assert keys.published([old], NOON + 3599) == [old]
    assert keys.published([old], NOON + 3600) == []


def test_each_purpose_has_its_own_key() -> None:
    ours = record("access"), record("id", NOON + 1, purpose="id_token", algorithm="RS256")
    assert keys.signing(ours, "access_token", NOON + 1) is ours[0]
    assert keys.signing(ours, "id_token", NOON + 1) is ours[1]
    assert keys.signing(ours, "id_token", NOON) is None
    assert not keys.waiting(ours, "access_token", NOON)


def test_of_two_keys_that_began_together_the_later_made_signs() -> None:
    one, other = record("one"), replace(record("other"), created_at=NOON + 1)
    assert keys.signing([other, one], "access_token", NOON) is other


@pytest.mark.parametrize(
    ("age", "rotation", "due"),
    [(90 * DAY - 1, 90 * DAY, False), (90 * DAY, 90 * DAY, True), (900 * DAY, 0, False)],
)
def test_a_key_is_replaced_when_it_is_old_unless_only_by_command(
    age: int, rotation: int, due: bool
) -> None:
    assert keys.due([record("old")], "access_token", "ES256", rotation, NOON + age) == due


def test_a_key_of_another_algorithm_is_replaced_at_once_but_only_once() -> None:
    ours = [record("old")]
    assert keys.due(ours, "access_token", "EdDSA", 90 * DAY, NOON)
    ours.append(record("new", NOON + 600, algorithm="EdDSA"))
    for now in (NOON, NOON + 599, NOON + 600):
        assert not keys.due(ours, "access_token", "EdDSA", 90 * DAY, now)


def test_a_fingerprint_is_a_strong_entity_tag_of_the_content() -> None:
    """RFC 9110 §8.8.3: quoted, and the same for the same document in any order."""
    one = keys.fingerprint({"a": 1, "b": [2]})
    assert one == keys.fingerprint({"b": [2], "a": 1})
    assert one != keys.fingerprint({"a": 1, "b": [3]})
    assert one.startswith('"')
    assert one.endswith('"')
