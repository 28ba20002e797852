"""Tokens as bytes: all of them come back, garbage does not, and nobody sees a secret."""

import json
import traceback
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell_sdk.errors import StoreDamaged
from flextell_sdk.tokens import Tokens

SECRETS = ("ACCESS-SECRET", "REFRESH-SECRET", "ID-SECRET")
TOKENS = Tokens(SECRETS[0], SECRETS[1], "photos.read", 1893456000.0, 3600.0, SECRETS[2])

texts = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
any_tokens = st.builds(
    Tokens,
    access_token=texts,
    refresh_token=st.none() | texts,
    scope=texts,
    expires_at=st.none() | numbers,
    lifetime=st.none() | numbers,
    id_token=st.none() | texts,
    clock_offset=numbers,
    version=st.integers(min_value=1),
    ended=texts,
)
any_json = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda each: st.lists(each, max_size=5) | st.dictionaries(texts, each, max_size=5),
)


def with_fields(**changed: object) -> bytes:
    return json.dumps({**json.loads(TOKENS.to_bytes()), **changed}).encode()


@given(any_tokens)
def test_all_tokens_come_back(tokens: Tokens) -> None:
    assert Tokens.from_bytes(tokens.to_bytes()) == tokens


@given(st.binary(max_size=200))
def test_garbage_is_damage(garbage: bytes) -> None:
    with pytest.raises(StoreDamaged):
        Tokens.from_bytes(garbage)


@given(any_json)
def test_any_other_json_is_damage(value: object) -> None:
    with pytest.raises(StoreDamaged):
        Tokens.from_bytes(json.dumps(value).encode())


@pytest.mark.parametrize("length", range(len(TOKENS.to_bytes())))
def test_tokens_that_are_cut_short_are_damage(length: int) -> None:
    with pytest.raises(StoreDamaged):
        Tokens.from_bytes(TOKENS.to_bytes()[:length])


def test_a_field_of_another_version_is_passed_over() -> None:
    assert Tokens.from_bytes(with_fields(colour="blue")) == TOKENS


def test_a_field_that_an_older_version_did_not_have_is_as_usual() -> None:
    old = b'{"format":1,"access_token":"a","version":7}'

    assert Tokens.from_bytes(old) == Tokens("a", version=7)


@pytest.mark.parametrize("form", [2, 1000])
def test_a_form_of_a_newer_version_is_said_to_be_one(form: int) -> None:
    with pytest.raises(StoreDamaged, match="newer version"):
        Tokens.from_bytes(with_fields(format=form))


def test_no_secret_is_shown() -> None:
    shown = {each.name for each in fields(Tokens) if each.repr}

    assert not any(secret in f"{TOKENS} {TOKENS!r}" for secret in SECRETS)
    assert shown.isdisjoint({"access_token", "refresh_token", "id_token"})


@pytest.mark.parametrize(
    "content",
    [TOKENS.to_bytes()[:-1], TOKENS.to_bytes() + b"\xff", with_fields(format="ACCESS-SECRET")],
)
def test_no_secret_is_in_what_is_said_of_damage(content: bytes) -> None:
    with pytest.raises(StoreDamaged) as damage:
        Tokens.from_bytes(content)

    said = repr(damage.value) + "".join(traceback.format_exception(damage.value))
    assert not any(secret in said for secret in SECRETS)
