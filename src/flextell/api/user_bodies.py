"""What comes in about users (wire §a.2), and their passwords, hashed before the unit of work."""

from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

import orjson
from pydantic import Field

from flextell.accounts import passwords
from flextell.api.bodies import ABSENT, Body, Flag, Id, parse_body
from flextell.api.caller import Caller
from flextell.api.errors import ApiError
from flextell.api.incoming import Incoming
from flextell.parts import Parts
from flextell.tenants.members import Profile

MOST_LANGUAGES = 20
MOST_ROLES = 100

B = TypeVar("B", bound="UserFields")


class UserFields(Body):
    """What a tenant keeps of a user; null takes a value away."""

    title: str | None = Field(ABSENT, max_length=255)
    phone: str | None = Field(ABSENT, max_length=20)
    emergency_contact_name: str | None = Field(ABSENT, max_length=255)
    emergency_contact_surname: str | None = Field(ABSENT, max_length=255)
    emergency_contact_phone_number: str | None = Field(ABSENT, max_length=20)
    blood_group: str | None = Field(ABSENT, max_length=10)
    avatar_url: str | None = Field(ABSENT, max_length=1000)
    bio: str | None = Field(ABSENT, max_length=1000)

    def profile(self, before: Profile) -> Profile:
        """The profile with what was sent."""
        sent = {name: value for name, value in self.changes().items() if name in _PROFILE}
        if "language" in sent:
            sent["language"] = tuple(sent["language"] or ())
        return replace(before, **sent)


_PROFILE = frozenset(Profile.__dataclass_fields__)


class NewUser(UserFields):
    """Somebody new in the business."""

    name: str = Field(max_length=255)
    email: str = Field(max_length=255, json_schema_extra={"format": "email"})
    password: str = Field(min_length=8, max_length=passwords.MAXIMUM_PASSWORD_CHARACTERS)
    password_confirmation: str = Field(description="The password again.")
    language: list[str] | None = Field(ABSENT, max_length=MOST_LANGUAGES)
    is_active: Flag = Field(True, description="Whether they may act here.")
    role_ids: list[Id] = Field([], max_length=MOST_ROLES, description="Roles to give them.")


class UserChanges(UserFields):
    """What is to be changed of a user.

    Name, e-mail address and password only of those whom this business added and no other has.
    """

    name: str = Field(ABSENT, max_length=255)
    email: str = Field(ABSENT, max_length=255, json_schema_extra={"format": "email"})
    password: str = Field(ABSENT, min_length=8, max_length=passwords.MAXIMUM_PASSWORD_CHARACTERS)
    password_confirmation: str = Field(ABSENT, description="The password again.")
    language: list[Literal["Turkish", "English", "Other"]] | None = Field(
        ABSENT, max_length=MOST_LANGUAGES
    )
    is_active: Flag = Field(ABSENT, description="Whether they may act here.")
    role_ids: list[Id] = Field(
        ABSENT, max_length=MOST_ROLES, description="In place of their roles."
    )


class UserRoles(Body):
    """All the roles that a user is to have."""

    role_ids: list[Id] = Field(max_length=MOST_ROLES, description="None: an empty list.")


@dataclass(frozen=True, slots=True)
class Hashed(Generic[B]):
    """A body whose password was hashed. What it is known by again holds nothing of the password."""

    body: B
    password_hash: str | None
    dice: bytes

    @property
    def fingerprint(self) -> bytes:
        """What is the same when the request comes again (see `idempotency`)."""
        said: dict[str, Any] = self.body.changes()
        return orjson.dumps({name: said[name] for name in sorted(said) if name not in _SECRET})


_SECRET = frozenset({"password", "password_confirmation"})


async def hash_new(parts: Parts, _caller: Caller, incoming: Incoming) -> Hashed[NewUser]:
    """A new user, and the hash of the password. Raises ApiError and TooManySignIns."""
    return await _hashed(NewUser, parts, incoming)


async def hash_changed(parts: Parts, _caller: Caller, incoming: Incoming) -> Hashed[UserChanges]:
    """Changes, with the hash of a new password. Raises the same."""
    return await _hashed(UserChanges, parts, incoming)


async def _hashed(model: type[B], parts: Parts, incoming: Incoming) -> Hashed[B]:
    body = parse_body(model, incoming.one(b"content-type"), await incoming.body())
    sent = body.changes()
    password = sent.get("password")
    if password != sent.get("password_confirmation"):
        raise ApiError(
            "validation_error", "The field password_confirmation must be the same as password."
        )
    dice = parts.sources.random(16)
    if password is None:
        return Hashed(body, None, dice)
    passwords.check_new(password, parts.settings.password_minimum_characters)
    password_hash = await parts.hashing.run(lambda: passwords.new_hash(password))
    return Hashed(body, password_hash, dice)
