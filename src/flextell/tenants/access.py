"""Who may do what in which tenant (wire §e 17, 33).

    TenantRefusal
    ├── InvalidTenantHeader   400  X-Tenant repeated, or no number
    ├── TenantNotNamed        400  several memberships and no X-Tenant
    ├── NoSuchMembership      403  unknown or not theirs: one answer, so ids cannot be probed
    ├── NotPermitted          403  no role of theirs allows it
    └── BeyondOwnRoles        403  it is about a role that allows more than their own

Access takes both: the scope of the token, judged before this, and the permission of the person.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique

from flextell.tenants.model import Membership


class TenantRefusal(Exception):
    """The request cannot act in the tenant it names; the text is for the client's developer."""


class InvalidTenantHeader(TenantRefusal):
    """X-Tenant is repeated or no whole number."""

    def __init__(self) -> None:
        super().__init__("The header X-Tenant must be sent once and be the number of a tenant.")


class TenantNotNamed(TenantRefusal):
    """The person belongs to several tenants."""

    def __init__(self) -> None:
        super().__init__(
            "Name the tenant in the header X-Tenant: this person belongs to several. "
            "GET /api/v1/account/tenants lists them."
        )


class NoSuchMembership(TenantRefusal):
    """Not theirs, or nobody's."""

    def __init__(self) -> None:
        super().__init__(
            "This person does not belong to the tenant. GET /api/v1/account/tenants lists "
            "those that the header X-Tenant may name."
        )


class NotPermitted(TenantRefusal):
    """Their roles are too small for it. Not the tenant's fault, so the word does not appear."""

    def __init__(self) -> None:
        super().__init__("The role of this person does not allow this. An owner can change roles.")


class BeyondOwnRoles(TenantRefusal):
    """Somebody would give a role, or change who has it, that allows what they may not."""

    def __init__(self) -> None:
        super().__init__("Nobody can give or change a role that allows more than their own roles.")


@unique
class Permission(Enum):
    """What a role may allow. The numbers are on the wire: none is ever used for another."""

    # Whoever belongs to the tenant may, with or without a role.
    BELONG = 0
    SEE_CUSTOMERS = 1
    CHANGE_CUSTOMERS = 2
    SEE_USERS = 3
    CHANGE_USERS = 4
    CHANGE_TENANT = 5
    SEE_FILES = 6
    CHANGE_FILES = 7
    SEE_CONVERSATIONS = 8
    CHANGE_CONVERSATIONS = 9
    SEE_CHANNELS = 10
    CHANGE_CHANNELS = 11


@dataclass(frozen=True, slots=True)
class Role:
    """A role that every tenant has. Its number is on the wire."""

    role_id: int
    name: str
    permissions: frozenset[Permission]


OWNER = "owner"

ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role(1, OWNER, frozenset(Permission) - {Permission.BELONG}),
        Role(
            2,
            "staff",
            frozenset(
                {
                    Permission.SEE_CUSTOMERS,
                    Permission.CHANGE_CUSTOMERS,
                    Permission.SEE_USERS,
                    Permission.SEE_FILES,
                    Permission.CHANGE_FILES,
                    Permission.SEE_CONVERSATIONS,
                    Permission.CHANGE_CONVERSATIONS,
                    Permission.SEE_CHANNELS,
                    Permission.CHANGE_CHANNELS,
                }
            ),
        ),
        Role(
            3,
            "viewer",
            frozenset(
                {
                    Permission.SEE_CUSTOMERS,
                    Permission.SEE_USERS,
                    Permission.SEE_FILES,
                    Permission.SEE_CONVERSATIONS,
                    Permission.SEE_CHANNELS,
                }
            ),
        ),
    )
}

_NUMBER = re.compile(r"-?[0-9]{1,100}")


def known(roles: Iterable[str]) -> tuple[Role, ...]:
    """The roles of the table among these names, in the order of the table."""
    names = frozenset(roles)
    return tuple(role for role in ROLES.values() if role.name in names)


def role_of(role_id: int) -> Role | None:
    """The role with this number."""
    return next((role for role in ROLES.values() if role.role_id == role_id), None)


def permissions(roles: Iterable[str]) -> frozenset[Permission]:
    """What roles allow together; a name that is not in the table allows nothing."""
    return frozenset[Permission]().union(*(role.permissions for role in known(roles)))


def allows(roles: Iterable[str], permission: Permission) -> bool:
    """Whether one of a member's roles has a permission."""
    return permission is Permission.BELONG or permission in permissions(roles)


def check_within(roles: Iterable[str], own: Iterable[str]) -> None:
    """Raises BeyondOwnRoles unless one's own roles allow all that these roles do."""
    if not permissions(roles) <= permissions(own):
        raise BeyondOwnRoles


def named_tenant(header: Sequence[str]) -> int | None:
    """The tenant that a request's X-Tenant headers name. Raises InvalidTenantHeader."""
    if not header:
        return None
    if len(header) > 1 or not _NUMBER.fullmatch(header[0]):
        raise InvalidTenantHeader
    return int(header[0])


def acting_in(named: int | None, memberships: Iterable[Membership]) -> Membership:
    """The membership a request acts under. Raises TenantNotNamed or NoSuchMembership."""
    if named is not None:
        fitting = [m for m in memberships if m.tenant_id == named]
    else:
        fitting = list(memberships)
    if len(fitting) > 1:
        raise TenantNotNamed
    if not fitting:
        raise NoSuchMembership
    return fitting[0]


def need(membership: Membership, permission: Permission) -> None:
    """Raises NotPermitted unless a role allows it."""
    if not allows(membership.roles, permission):
        raise NotPermitted
