"""Passwords: hashed with Argon2id, checked in the same time whether or not the account exists.

Parameters are named after their source; a hash made with older ones is renewed at sign-in.
"""

from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from flextell.accounts.model import InvalidAccount

MAXIMUM_PASSWORD_CHARACTERS = 1024

# OWASP Password Storage Cheat Sheet, first equal choice without much memory: 19 MiB, 2 passes.
OWASP_ARGON2ID_19_MIB = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)

# A hash nobody knows the password of, so that an unknown account costs what a known one does.
NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA"
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the password is right, and whether its hash should be made anew."""

    right: bool
    outdated: bool = False


def check_new(password: str, minimum_characters: int) -> None:
    """Raises InvalidAccount if a password is too short or too long (NIST SP 800-63B §5.1.1.2)."""
    if len(password) < minimum_characters:
        raise InvalidAccount(f"The password must have at least {minimum_characters} characters.")
    if len(password) > MAXIMUM_PASSWORD_CHARACTERS:
        raise InvalidAccount(
            f"The password must have at most {MAXIMUM_PASSWORD_CHARACTERS} characters."
        )


def new_hash(password: str) -> str:
    """The hash to keep, with its parameters and a fresh salt in it. Takes about 22 ms."""
    return OWASP_ARGON2ID_19_MIB.hash(password)


def check(password: str, known_hash: str | None) -> Checked:
    """Compare a password with a hash; None stands for an account that does not exist."""
    if len(password) > MAXIMUM_PASSWORD_CHARACTERS:
        password = ""
    try:
        OWASP_ARGON2ID_19_MIB.verify(known_hash or NOBODY, password)
    except (VerificationError, InvalidHashError):
        return Checked(right=False)
    if known_hash is None:
        return Checked(right=False)
    return Checked(right=True, outdated=OWASP_ARGON2ID_19_MIB.check_needs_rehash(known_hash))
