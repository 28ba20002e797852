"""The User resource (wire §a.3)."""

from datetime import datetime

from typing_extensions import TypedDict

from flextell.accounts.model import Person
from flextell.api.shapes.encoding import moment, moment_or_none
from flextell.api.shapes.tenant import Reference
from flextell.tenants import access
from flextell.tenants.members import Member, Profile


class User(TypedDict):
    """Somebody who works in a business. `deleted_at` is set on those that only `trashed` shows."""

    id: int
    name: str
    email: str
    title: str | None
    phone: str | None
    emergency_contact_name: str | None
    emergency_contact_surname: str | None
    emergency_contact_phone_number: str | None
    blood_group: str | None
    language: list[str]
    avatar_url: str | None
    is_active: bool
    bio: str | None
    last_login_at: datetime | None
    last_login_ip: str | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    roles: list[Reference]


class Me(User):
    """The signed-in person, and what the app's token lets it do for them."""

    scopes: list[str]


# They change at every sign-in.
VOLATILE = frozenset({"last_login_at", "last_login_ip"})


def user(of: Member) -> User:
    """The member as the wire shows it."""
    profile = of.profile
    return {
        "id": of.person_id,
        "name": of.name,
        "email": of.email,
        "title": profile.title,
        "phone": profile.phone,
        "emergency_contact_name": profile.emergency_contact_name,
        "emergency_contact_surname": profile.emergency_contact_surname,
        "emergency_contact_phone_number": profile.emergency_contact_phone_number,
        "blood_group": profile.blood_group,
        "language": list(profile.language),
        "avatar_url": profile.avatar_url,
        "is_active": of.is_active,
        "bio": profile.bio,
        "last_login_at": moment_or_none(of.last_login_at),
        "last_login_ip": of.last_login_ip,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "deleted_at": moment_or_none(of.deleted_at),
        "roles": [{"id": role.role_id, "name": role.name} for role in access.known(of.roles)],
    }


def me(person: Person, member: Member | None, scopes: list[str]) -> Me:
    """The signed-in person in a tenant, or without one: then no tenant says anything of them."""
    return {**user(member or _outside(person)), "scopes": scopes}


def _outside(person: Person) -> Member:
    return Member(
        tenant_id=0,
        person_id=person.person_id,
        name=person.name,
        email=person.email,
        profile=Profile(),
        roles=frozenset(),
        ours_alone=False,
        created_at=person.created_at,
        updated_at=person.created_at,
        last_login_at=person.last_login_at,
        last_login_ip=person.last_login_ip,
    )
