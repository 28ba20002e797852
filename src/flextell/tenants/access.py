"""Who may do what in which tenant (wire §e 17, 33).

    TenantRefusal
    ├── InvalidTenantHeader   400  X-Tenant repeated, or no number
    ├── TenantNotNamed        400  several memberships and no X-Tenant
    ├── NoSuchMembership      403  unknown or not theirs: one answer, so ids cannot be probed
    └── NotPermitted          403  the role does not allow it

Access takes both: the scope of the token, judged before this, and the permission of the person.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto

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
    """Their role is too small for it. Not the tenant's fault, so the word does not appear."""

    def __init__(self) -> None:
        super().__init__("The role of this person does not allow this. An owner can change roles.")


class Permission(Enum):
    """What a role may allow."""

    SEE_CUSTOMERS = auto()
    CHANGE_CUSTOMERS = auto()
    SEE_FILES = auto()
    CHANGE_FILES = auto()


ROLES: Mapping[str, frozenset[Permission]] = {
    "owner": frozenset(Permission),
    "staff": frozenset(
        {
            Permission.SEE_CUSTOMERS,
            Permission.CHANGE_CUSTOMERS,
            Permission.SEE_FILES,
            Permission.CHANGE_FILES,
        }
    ),
    "viewer": frozenset({Permission.SEE_CUSTOMERS, Permission.SEE_FILES}),
}

_NUMBER = re.compile(r"-?[0-9]{1,100}")


def allows(role: str, permission: Permission) -> bool:
    """Whether a role has a permission; a role that is not in the table has none."""
    return permission in ROLES.get(role, frozenset())


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
    """Raises NotPermitted unless the role allows it."""
    if not allows(membership.role, permission):
        raise NotPermitted
