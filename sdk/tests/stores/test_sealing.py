"""What is sealed opens with its key, for its grant and unchanged, and else not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell_sdk.errors import StoreDamaged, StoreError, StoreKeyMissing
from flextell_sdk.stores import Seal
from flextell_sdk.stores.sealing import HEAD_BYTES, MAGIC, NONCE_BYTES, grant_name
from sdk.tests.stores.places import KEY, OTHER_KEY, SEAL

ALICE, BOB = grant_name("alice"), grant_name("bob")
SEALED = SEAL.close(b"tokens of Alice", ALICE)

contents = st.binary(max_size=200)
names = st.text(max_size=50).map(grant_name)


@given(contents, names)
def test_what_was_sealed_is_opened(content: bytes, name: str) -> None:
    assert SEAL.open(SEAL.close(content, name), name) == content


@given(contents.filter(lambda content: len(content) > 3))
def test_sealed_content_cannot_be_read(content: bytes) -> None:
    assert content not in SEAL.close(content, ALICE)


def test_nothing_is_sealed_the_same_way_twice() -> None:
    """NIST SP 800-38D §8: a nonce must not come twice under one key."""
    sealed = {SEAL.close(b"tokens", ALICE) for _ in range(100)}
    nonces = {each[HEAD_BYTES:][:NONCE_BYTES] for each in sealed}

    assert len(sealed) == len(nonces) == 100


@pytest.mark.parametrize("position", range(len(SEALED)))
def test_no_byte_can_be_changed(position: int) -> None:
    changed = bytearray(SEALED)
    changed[position] ^= 1
    names_a_key = len(MAGIC) <= position < HEAD_BYTES

    with pytest.raises(StoreKeyMissing if names_a_key else StoreDamaged):
        SEAL.open(bytes(changed), ALICE)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_nothing_can_be_cut_off(length: int) -> None:
    with pytest.raises(StoreError):
        SEAL.open(SEALED[:length], ALICE)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_garbage_is_refused(garbage: bytes, more: bytes) -> None:
    for each in (garbage, MAGIC + garbage, SEALED[:HEAD_BYTES] + garbage, SEALED + b"x" + more):
        with pytest.raises(StoreError):
            SEAL.open(each, ALICE)


@given(names, names)
def test_what_belongs_to_one_grant_opens_for_no_other(one: str, other: str) -> None:
    sealed = SEAL.close(b"tokens", one)

    if one == other:
        assert SEAL.open(sealed, other) == b"tokens"
    else:
        with pytest.raises(StoreDamaged):
            SEAL.open(sealed, other)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(StoreKeyMissing, match="bring it back, or sign in anew"):
        Seal((OTHER_KEY,)).open(SEALED, ALICE)


def test_a_key_cannot_pass_for_another() -> None:
    """The key is named in what is authenticated."""
    other = Seal((OTHER_KEY,)).close(b"tokens of Alice", ALICE)

    with pytest.raises(StoreDamaged):
        SEAL.open(SEALED[:HEAD_BYTES] + other[HEAD_BYTES:], ALICE)


def test_the_first_key_seals_and_every_key_opens() -> None:
    both = Seal((OTHER_KEY, KEY))
    new = both.close(b"new tokens", ALICE)

    assert both.open(SEALED, ALICE) == b"tokens of Alice"
    assert both.open(new, ALICE) == b"new tokens"
    assert Seal((OTHER_KEY,)).open(new, ALICE) == b"new tokens"
    assert (both.is_current(SEALED), both.is_current(new)) == (False, True)


@pytest.mark.parametrize("keys", [(), (b"",), (KEY[:-1],), (KEY + b"x",), (KEY, b"short")])
def test_a_key_has_32_bytes(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(StoreKeyMissing, match="base64url of 32 bytes"):
        Seal(keys)


def test_keys_are_not_shown() -> None:
    assert repr(Seal((KEY, OTHER_KEY))) == "Seal()"


def test_seals_of_the_same_keys_are_the_same() -> None:
    assert Seal((KEY,)) == SEAL
    assert Seal((OTHER_KEY,)) != SEAL
    assert len({Seal((KEY,)), SEAL}) == 1


@given(st.text(max_size=50), st.text(max_size=50))
def test_the_name_of_a_grant_is_its_own_and_tells_nothing(one: str, other: str) -> None:
    assert (grant_name(one) == grant_name(other)) == (one == other)
    assert len(grant_name(one)) == 64
    assert set(grant_name(one)) <= set("0123456789abcdef")
