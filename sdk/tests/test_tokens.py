"""Tokens as a store keeps them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell_sdk.errors import StoreDamaged
from flextell_sdk.tokens import FORMAT, Tokens
from sdk.tests.clock import NOON

TOKENS = Tokens("secret-1", "secret-2", "a b", NOON, 3600.0, "secret-3", -2.5, version=3)

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Tokens,
        access_token=st.text(),
        refresh_token=st.none() | st.text(),
        scope=st.text(),
        expires_at=st.none() | numbers,
        lifetime=st.none() | numbers,
        id_token=st.none() | st.text(),
        clock_offset=numbers,
        version=st.integers(1),
        ended=st.text(),
    )
)
def test_tokens_come_back_from_a_store_as_they_were(tokens: Tokens) -> None:
    assert Tokens.from_bytes(tokens.to_bytes()) == tokens


def test_a_member_that_only_a_later_version_knows_is_left_out() -> None:
    later = {**json.loads(TOKENS.to_bytes()), "sealed_twice": True}

    assert Tokens.from_bytes(json.dumps(later).encode()) == TOKENS


def test_a_member_that_an_earlier_version_did_not_know_is_as_if_nobody_had_said_it() -> None:
    earlier = {"format": FORMAT, "access_token": "access"}

    assert Tokens.from_bytes(json.dumps(earlier).encode()) == Tokens("access")


def test_a_later_format_is_left_alone() -> None:
    later = {**json.loads(TOKENS.to_bytes()), "format": FORMAT + 1}

    with pytest.raises(StoreDamaged, match="newer version"):
        Tokens.from_bytes(json.dumps(later).encode())


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b"7", b"\xff", b'{"format": 1}', b'{"format": "x"}']
)
def test_anything_else_is_damage(content: bytes) -> None:
    with pytest.raises(StoreDamaged):
        Tokens.from_bytes(content)


def test_each_state_of_a_grant_is_one_version_above_the_one_before() -> None:
    assert TOKENS.as_next_after(None).version == 1
    assert TOKENS.as_next_after(Tokens("x", version=41)).version == 42
    assert TOKENS.over("you signed out.").version == 4


def test_of_a_grant_that_is_over_no_secret_is_left() -> None:
    over = TOKENS.over("you signed out.")

    assert over == Tokens("", scope="a b", version=4, ended="you signed out.")
    assert b"secret" not in over.to_bytes()
