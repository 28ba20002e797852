"""What a client may be registered as, and how its id and secret are made."""

import string
from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.oauth.model import digest_of
from flextell.oauth.registration import (
    SECRET_RANDOM_BYTES,
    InvalidRegistration,
    Wish,
    new_client,
    new_secret,
    uuid7,
)

NOW = 1_795_435_200
CALLBACK = "https://photos.example/callback"


def dice(size: int) -> bytes:
    return bytes((number * 37 + 11) % 256 for number in range(size))


def wish(**changed: object) -> Wish:
    values = {"name": "Photos", "redirect_uris": (CALLBACK,), "scope": "customers:read"} | changed
    return Wish(**values)  # type: ignore[arg-type]


def test_a_confidential_client_gets_a_secret_of_which_only_the_digest_is_kept() -> None:
    registered = new_client(wish(), dice, NOW)

    assert registered.secret is not None
    assert len(registered.secret) == 40
    assert registered.client.secret_digest == digest_of(registered.secret)
    assert registered.secret not in repr(registered)


def test_a_public_client_has_no_secret_and_must_use_pkce() -> None:
    """RFC 9700 §2.1.1."""
    registered = new_client(wish(public=True), dice, NOW)

    assert registered.secret is None
    assert registered.client.secret_digest is None
    assert registered.client.require_pkce


def test_a_request_without_scope_gets_all_registered_ones() -> None:
    client = new_client(wish(scope="account:read customers:read"), dice, NOW).client

    assert client.default_scopes == client.scopes == {"account:read", "customers:read"}


def test_old_scope_names_are_registered_as_what_they_mean() -> None:
    client = new_client(wish(scope="read:contacts"), dice, NOW).client

    assert client.scopes == {"customers:read"}


def test_a_redirect_uri_given_twice_is_kept_once_and_in_order() -> None:
    other = "com.example.photos://callback"
    client = new_client(wish(redirect_uris=(other, CALLBACK, other)), dice, NOW).client

    assert client.redirect_uris == (other, CALLBACK)


def test_an_api_that_only_introspects_needs_neither_redirect_uri_nor_scope() -> None:
    client = new_client(wish(may_introspect=True, redirect_uris=(), scope=""), dice, NOW).client

    assert client.may_introspect
    assert (client.redirect_uris, client.scopes) == ((), frozenset())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "The name must"),
        ({"name": "   "}, "The name must"),
        ({"name": "P" * 81}, "The name must"),
        ({"name": "Pho\ntos"}, "The name must"),
        ({"name": "\u202egpj.sotohP"}, "The name must"),
        ({"name": "Pho\u2066tos"}, "The name must"),
        ({"publisher": "Picture\u200fPeople"}, "The publisher must"),
        ({"homepage_url": "http://photos.example/"}, "The home page must"),
        ({"homepage_url": "https://user@photos.example/"}, "The home page must"),
        ({"homepage_url": "javascript:alert(1)"}, "The home page must"),
        ({"redirect_uris": ()}, "at least one redirect URI"),
        ({"redirect_uris": ("http://photos.example/",)}, "Plain http"),
        ({"redirect_uris": (CALLBACK, CALLBACK + "#fragment")}, "no fragment"),
        ({"redirect_uris": tuple(f"{CALLBACK}/{n}" for n in range(21))}, "at most 20"),
        ({"scope": ""}, "The scope parameter"),
        ({"scope": "customers:fly"}, "does not exist"),
        ({"public": True, "may_introspect": True}, "A public client cannot introspect"),
    ],
)
def test_what_breaks_a_rule_is_refused_in_one_sentence(
    changed: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidRegistration, match=sentence):
        new_client(wish(**changed), dice, NOW)


@given(st.binary(min_size=10, max_size=10), st.integers(0, 2**38))
def test_a_client_id_is_a_uuid_of_version_7_that_tells_its_time(chance: bytes, now: int) -> None:
    """RFC 9562 §5.7."""
    value = UUID(uuid7(now, chance))

    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert value.int >> 80 == now * 1000
    random_bits = int.from_bytes(chance)
    assert value.int & (2**62 - 1) == random_bits & (2**62 - 1)
    assert value.int >> 64 & 0xFFF == random_bits >> 64 & 0xFFF


def test_later_client_ids_sort_after_earlier_ones() -> None:
    assert uuid7(NOW, b"\xff" * 10) < uuid7(NOW + 1, b"\x00" * 10)


def test_every_letter_and_digit_of_a_secret_is_equally_likely() -> None:
    """Over all 256 values of a byte, each of the 62 characters comes from exactly four."""
    seen = Counter[str]()
    for start in range(0, 240, 40):
        seen += Counter(new_secret(bytes(range(start, start + 40)) + b"\xff" * 88).text)
    seen += Counter(new_secret(bytes(range(240, 256)) + b"\x00" * 32).text[:8])

    assert seen == dict.fromkeys(string.ascii_letters + string.digits, 4)


def test_too_few_random_bytes_never_make_a_short_secret() -> None:
    with pytest.raises(ValueError, match="128 random bytes"):
        new_secret(b"\xff" * SECRET_RANDOM_BYTES)
