"""Passwords: hashed slowly, checked in the same time for known and unknown accounts."""

from collections.abc import Iterator
from unittest import mock

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from flextell.accounts import passwords
from flextell.accounts.model import InvalidAccount
from flextell.accounts.passwords import MAXIMUM_PASSWORD_CHARACTERS, NOBODY, Checked
from tests.world import PASSWORD, PASSWORD_HASH


@pytest.fixture
def hashed() -> Iterator[mock.Mock]:
    """Every hash that is checked, counted."""
    hasher = passwords.OWASP_ARGON2ID_19_MIB
    with mock.patch.object(passwords, "OWASP_ARGON2ID_19_MIB", wraps=hasher) as watched:
        yield watched.verify


def test_the_right_password_is_right() -> None:
    assert passwords.check(PASSWORD, PASSWORD_HASH) == Checked(right=True, outdated=False)


@pytest.mark.parametrize(
    "wrong", ["", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], PASSWORD + "\x00", "é"]
)
def test_any_other_is_wrong(wrong: str) -> None:
    assert passwords.check(wrong, PASSWORD_HASH) == Checked(right=False)


def test_the_hash_is_argon2id_as_its_name_says() -> None:
    """OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane."""
    parameters = extract_parameters(PASSWORD_HASH)
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (
        19 * 1024,
        2,
        1,
    )
    assert parameters.salt_len >= 16


def test_two_hashes_of_one_password_have_nothing_in_common() -> None:
    again = passwords.new_hash(PASSWORD)
    assert again != PASSWORD_HASH
    assert passwords.check(PASSWORD, again).right


@pytest.mark.parametrize("password", [PASSWORD, "", "x" * (MAXIMUM_PASSWORD_CHARACTERS + 1)])
@pytest.mark.parametrize("known_hash", [PASSWORD_HASH, None, ""], ids=["hers", "none", "empty"])
def test_every_try_costs_exactly_one_hash(
    hashed: mock.Mock, password: str, known_hash: str | None
) -> None:
    """Whether or not the account exists, the answer takes as long (OWASP ASVS 5.0 §6.3.8)."""
    passwords.check(password, known_hash)
    assert hashed.call_count == 1
    assert extract_parameters(hashed.call_args.args[0]) == extract_parameters(PASSWORD_HASH)
    assert len(hashed.call_args.args[1]) <= MAXIMUM_PASSWORD_CHARACTERS


@pytest.mark.parametrize("password", ["", PASSWORD, NOBODY])
def test_no_password_opens_an_account_that_does_not_exist(password: str) -> None:
    assert passwords.check(password, None) == Checked(right=False)


def test_not_even_a_password_that_matched_the_stand_in_would() -> None:
    with mock.patch.object(passwords, "NOBODY", PASSWORD_HASH):
        assert passwords.check(PASSWORD, None) == Checked(right=False)


def test_a_hash_with_older_parameters_is_right_and_to_be_renewed() -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    assert passwords.check(PASSWORD, older) == Checked(right=True, outdated=True)
    assert passwords.check("wrong", older) == Checked(right=False)


@pytest.mark.parametrize(
    "broken",
    ["nonsense", "$argon2id$", PASSWORD_HASH[:-4], "$2b$12$abc"],
    ids=["nonsense", "a beginning", "cut short", "another kind"],
)
def test_a_broken_hash_opens_nothing(broken: str) -> None:
    assert passwords.check(PASSWORD, broken) == Checked(right=False)


@pytest.mark.parametrize(
    ("length", "good"),
    [
        (11, False),
        (12, True),
        (64, True),
        (MAXIMUM_PASSWORD_CHARACTERS, True),
        (MAXIMUM_PASSWORD_CHARACTERS + 1, False),
    ],
)
def test_a_new_password_is_neither_too_short_nor_endless(length: int, good: bool) -> None:
    """NIST SP 800-63B §5.1.1.2: a minimum length, and at least 64 characters allowed."""
    if good:
        passwords.check_new("x" * length, minimum_characters=12)
    else:
        with pytest.raises(InvalidAccount, match="The password must have at"):
            passwords.check_new("x" * length, minimum_characters=12)


def test_any_character_may_be_in_a_password() -> None:
    """NIST SP 800-63B §5.1.1.2: spaces and Unicode; no composition rules."""
    strange = "  pässwörd 密码 🔑 \t"
    passwords.check_new(strange, minimum_characters=12)
    assert passwords.check(strange, passwords.new_hash(strange)).right
