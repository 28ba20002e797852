"""What people may be called and reached at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.accounts.model import (
    MAXIMUM_EMAIL_CHARACTERS,
    MAXIMUM_NAME_CHARACTERS,
    InvalidAccount,
    Person,
    Session,
    check_email,
    check_name,
    normalised_email,
)
from tests.world import NOON


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("alice@example.com", "alice@example.com"),
        ("  Alice@Example.COM \n", "alice@example.com"),
        ("alice+photos@mail.example.com", "alice+photos@mail.example.com"),
        ("o'hara@example.com", "o'hara@example.com"),
        ("alice@localhost", "alice@localhost"),
        ("STRAßE@example.com", "strasse@example.com"),
        ("zoë@exämple.com", "zoë@exämple.com"),
    ],
)
def test_an_address_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert check_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "alice",
        "alice@",
        "@example.com",
        "alice@@example.com",
        "alice@bob@example.com",
        "alice smith@example.com",
        "alice@example..com",
        "alice@.example.com",
        "alice@example.com.",
        "alice\x00@example.com",
        "alice@exam\x7fple.com",
        "alice@example.com\r\nBcc: bob@example.com",
        "a" * MAXIMUM_EMAIL_CHARACTERS + "@example.com",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(InvalidAccount, match="must look like"):
        check_email(typed)


@given(st.text() | st.emails())
def test_the_form_in_which_an_address_is_kept_is_the_one_it_is_looked_up_by(typed: str) -> None:
    try:
        kept = check_email(typed)
    except InvalidAccount:
        return
    assert kept == normalised_email(typed) == normalised_email(kept) == check_email(kept)
    assert kept.count("@") == 1
    assert len(kept) <= MAXIMUM_EMAIL_CHARACTERS


@pytest.mark.parametrize(
    "name", ["Alice", "Zoë O'Hara", "山田 太郎", "x" * MAXIMUM_NAME_CHARACTERS]
)
def test_people_are_called_what_they_are_called(name: str) -> None:
    assert check_name(f" {name}\n") == name


@pytest.mark.parametrize(
    "name", ["", "  ", "Al\x00ice", "Al\nice", "\u202eecila", "x" * (MAXIMUM_NAME_CHARACTERS + 1)]
)
def test_a_name_can_be_read_and_is_not_endless(name: str) -> None:
    with pytest.raises(InvalidAccount, match="name must have"):
        check_name(name)


def test_no_secret_shows_in_what_a_log_would_print() -> None:
    person = Person(1, "sub-alice", "alice@example.com", "Alice", "$argon2id$secret")
    session = Session(b"the digest of a cookie", 1, NOON, NOON, NOON + 60)
    assert "argon2id" not in repr(person)
    assert "cookie" not in repr(session)
