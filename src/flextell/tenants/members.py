"""Members of a tenant: what it keeps of them, and how far they may be changed (wire §a, users).

A person is the same in every tenant; a membership is the tenant's own view of them.

    LastOwner         409  somebody must be left who may do everything
    TenantRefusal
    └── NotOursAlone  403  who a person is, is not for the tenant to say
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, get_args

from flextell.tenants import paging
from flextell.tenants.access import OWNER, TenantRefusal, check_within
from flextell.tenants.customers import folded
from flextell.tenants.paging import After, SortOrder, Window

MemberSortKey = Literal["name", "email", "created_at", "updated_at", "last_login_at"]

MEMBER_SORT_KEYS: tuple[MemberSortKey, ...] = get_args(MemberSortKey)
TIMES: frozenset[MemberSortKey] = frozenset({"created_at", "updated_at", "last_login_at"})
NULLABLE: frozenset[MemberSortKey] = frozenset({"last_login_at"})


class LastOwner(Exception):
    """Nobody would be left who may do everything; the text is for the client's developer."""

    def __init__(self) -> None:
        super().__init__(
            "This person is the only active owner: they keep the role, stay active and stay a "
            "user. Make somebody else an owner first."
        )


class NotOursAlone(TenantRefusal):
    """The person was not made by this tenant, or belongs to others too."""

    def __init__(self) -> None:
        super().__init__(
            "The name, the e-mail address and the password of this person cannot be changed here: "
            "they were not added here, or belong to another business too."
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """What a tenant keeps of a member."""

    title: str | None = None
    phone: str | None = None
    emergency_contact_name: str | None = None
    emergency_contact_surname: str | None = None
    emergency_contact_phone_number: str | None = None
    blood_group: str | None = None
    language: tuple[str, ...] = ()
    avatar_url: str | None = None
    bio: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belongs to a tenant. `ours_alone`: the tenant made them, no other had them."""

    tenant_id: int
    person_id: int
    name: str
    email: str
    profile: Profile
    roles: frozenset[str]
    ours_alone: bool
    created_at: int
    updated_at: int
    inactive_at: int | None = None
    deleted_at: int | None = None
    last_login_at: int | None = None
    last_login_ip: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether they were not switched off."""
        return self.inactive_at is None


@dataclass(frozen=True, slots=True)
class MemberFilters:
    """Which members; deleted ones only on demand."""

    search: str | None = None
    is_active: bool | None = None
    role: str | None = None
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class MemberQuery:
    """Which members, in which order, and which part of them."""

    filters: MemberFilters = field(default_factory=MemberFilters)
    sort: MemberSortKey = "created_at"
    order: SortOrder = "desc"
    window: Window = field(default_factory=Window)


def search_text(name: str, email: str, phone: str | None) -> str:
    """What the search looks in, folded."""
    return folded(f"{name} {email} {phone or ''}".strip())


def check_after(after: After, key: MemberSortKey) -> After:
    """The same, if its value is one of this sort key. Raises ForeignCursor."""
    return paging.check_after(after, int if key in TIMES else str, nullable=key in NULLABLE)


def is_owner(member: Member) -> bool:
    """Whether a member may do everything now."""
    return OWNER in member.roles and member.is_active and member.deleted_at is None


def check_change(
    before: Member, after: Member, own: Collection[str], owners: Collection[int]
) -> None:
    """Whether somebody with these roles of their own may make this of a member.

    `owners` are the persons who may do everything now. Raises NotOursAlone, BeyondOwnRoles and
    LastOwner.
    """
    check_within(before.roles | after.roles, own)
    if (before.name, before.email) != (after.name, after.email):
        check_ours_alone(before)
    if is_owner(before) and not is_owner(after) and not set(owners) - {before.person_id}:
        raise LastOwner


def check_ours_alone(member: Member) -> None:
    """Raises NotOursAlone unless the tenant may say who this person is."""
    if not member.ours_alone:
        raise NotOursAlone
