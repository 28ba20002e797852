"""People and their sessions, as frozen values. Times are seconds since the epoch (UTC)."""

import re
from dataclasses import dataclass, field
from uuid import UUID

MAXIMUM_EMAIL_CHARACTERS = 254
MAXIMUM_NAME_CHARACTERS = 255

# local-part "@" domain, only as strict as it must be: a confirmation tells the rest
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f.]+(?:\.[^\s@\x00-\x1f\x7f.]+)*")


class InvalidAccount(ValueError):
    """What somebody wants to be called or reached at cannot be; the text says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in. `subject` is their stable name in tokens."""

    person_id: int
    subject: str
    email: str
    name: str
    password_hash: str = field(repr=False)
    created_at: int = 0
    disabled_at: int | None = None
    last_login_at: int | None = None
    last_login_ip: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which a person is signed in; the cookie's digest is its key."""

    digest: bytes = field(repr=False)
    person_id: int
    auth_time: int
    seen_at: int
    expires_at: int


def new_subject(dice: bytes) -> str:
    """A stable name for a person that tells nothing about them: a UUID of 16 random bytes."""
    return str(UUID(bytes=dice, version=4))


def normalised_email(text: str) -> str:
    """The one form under which an address is kept and looked up: trimmed, case folded."""
    return text.strip().casefold()


def check_email(text: str) -> str:
    """The normalised address. Raises InvalidAccount."""
    email = normalised_email(text)
    if len(email) > MAXIMUM_EMAIL_CHARACTERS or not _EMAIL.fullmatch(email):
        raise InvalidAccount("The e-mail address must look like alice@example.com.")
    return email


def check_name(text: str) -> str:
    """The trimmed name. Raises InvalidAccount."""
    name = text.strip()
    if not name or len(name) > MAXIMUM_NAME_CHARACTERS or not name.isprintable():
        raise InvalidAccount(f"The name must have 1 to {MAXIMUM_NAME_CHARACTERS} characters.")
    return name
