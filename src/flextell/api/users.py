"""The endpoints of users: who belongs to a tenant, and with which roles."""

from collections.abc import Iterable
from dataclasses import replace

from pydantic import Field

from flextell.accounts.model import check_email, check_name, new_subject
from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.caller import Caller
from flextell.api.envelopes import Done, One, done
from flextell.api.errors import ApiError, no_such
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.roles import page_of_roles, tenant_of
from flextell.api.shapes.role import Role, role
from flextell.api.shapes.user import User, user
from flextell.api.user_bodies import Hashed, NewUser, UserChanges, UserRoles
from flextell.store.port import Unit
from flextell.tenants import access
from flextell.tenants.customers import MAXIMUM_SEARCH_CHARACTERS, folded
from flextell.tenants.members import (
    Member,
    MemberFilters,
    MemberQuery,
    MemberSortKey,
    Profile,
    check_after,
    check_change,
    check_ours_alone,
)
from flextell.tenants.paging import SortOrder, order_of


class UserListParameters(ListParameters):
    """Which users, in which order."""

    search: str | None = Field(
        None,
        max_length=MAXIMUM_SEARCH_CHARACTERS,
        description="Part of the name, e-mail address or phone number; case and accents are equal.",
    )
    sort_by: MemberSortKey | None = Field(
        None, description="What to sort by (default `created_at`); those without it come last."
    )
    sort_order: SortOrder | None = Field(
        None, description="Default `asc`, and `desc` where `sort_by` is absent."
    )
    is_active: bool | None = Field(None, description="Only those who may act here, or may not.")
    role: str | None = Field(None, max_length=255, description="Only those with this role.")
    trashed: bool | None = Field(None, description="Removed users too.")


def list_users(unit: Unit, caller: Caller, asked: Asked) -> Page[User]:
    """List users."""
    request = paging.read(UserListParameters, asked, f"users/{caller.tenant_id}")
    wanted = request.parameters
    query = MemberQuery(
        MemberFilters(
            search=folded(wanted.search) if wanted.search else None,
            is_active=wanted.is_active,
            role=wanted.role,
            trashed=bool(wanted.trashed),
        ),
        sort=wanted.sort_by or "created_at",
        order=order_of(wanted.sort_by, wanted.sort_order),
        window=request.window,
    )
    if request.window.after is not None:
        check_after(request.window.after, query.sort)
    return paging.page(request, asked, unit.members.find(caller.tenant_id, query), user)


def get_user(unit: Unit, caller: Caller, asked: Asked) -> One[User]:
    """Get one user."""
    return {"success": asked.success, "data": user(_member(unit, caller, asked))}


def create_user(unit: Unit, caller: Caller, asked: Asked) -> One[User]:
    """Add somebody new.

    Nobody else may have the e-mail address. The business that added them may change their name,
    e-mail address and password as long as no other business has them.
    """
    hashed: Hashed[NewUser] = asked.prepared(Hashed)
    body, roles = hashed.body, _names(hashed.body.role_ids)
    access.check_within(roles, _own(caller))
    person = unit.people.add(
        subject=new_subject(hashed.dice),
        email=check_email(body.email),
        name=check_name(body.name),
        password_hash=hashed.password_hash or "",
        now=asked.now,
        managed_by=caller.tenant_id,
    )
    member = Member(
        tenant_id=caller.tenant_id,
        person_id=person.person_id,
        name=person.name,
        email=person.email,
        profile=body.profile(Profile()),
        roles=roles,
        ours_alone=True,
        created_at=asked.now,
        updated_at=asked.now,
        inactive_at=None if body.is_active else asked.now,
    )
    unit.members.put(member, asked.now)
    return {"success": asked.success, "data": user(member)}


def update_user(unit: Unit, caller: Caller, asked: Asked) -> One[User]:
    """Change a user.

    A new password signs the user out everywhere. The only active owner stays one.
    """
    hashed: Hashed[UserChanges] = asked.prepared(Hashed)
    unit.members.hold(caller.tenant_id)
    before = _member(unit, caller, asked)
    after = _with(before, hashed.body, asked.now)
    if hashed.password_hash is not None:
        check_ours_alone(before)
    _change(unit, caller, before, after, asked.now)
    if hashed.password_hash is not None:
        unit.people.set_password_hash(before.person_id, hashed.password_hash)
        unit.people.sign_out(before.person_id)
    return {"success": asked.success, "data": user(_member(unit, caller, asked))}


def delete_user(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Remove a user from the business.

    They cannot act in it any more, and only `trashed` shows them. Their account stays theirs.
    """
    unit.members.hold(caller.tenant_id)
    before = _member(unit, caller, asked)
    _change(unit, caller, before, replace(before, deleted_at=asked.now), asked.now)
    return done(asked.success, "The user was removed.")


def list_user_roles(unit: Unit, caller: Caller, asked: Asked) -> Page[Role]:
    """List the roles of a user."""
    member = _member(unit, caller, asked)
    list_name = f"users/{caller.tenant_id}/{member.person_id}/roles"
    return page_of_roles(unit, caller, asked, list_name, member.roles)


def replace_user_roles(unit: Unit, caller: Caller, asked: Asked) -> One[list[Role]]:
    """Give a user these roles and no others.

    The only active owner stays one, and nobody can give a role that allows more than their own.
    """
    unit.members.hold(caller.tenant_id)
    before = _member(unit, caller, asked)
    after = replace(before, roles=_names(asked.body(UserRoles).role_ids))
    _change(unit, caller, before, after, asked.now)
    tenant = tenant_of(unit, caller)
    return {
        "success": asked.success,
        "data": [role(each, tenant) for each in access.known(after.roles)],
    }


def _member(unit: Unit, caller: Caller, asked: Asked) -> Member:
    found = unit.members.get(caller.tenant_id, asked.ids["id"])
    if found is None:
        raise no_such("user")
    return found


def _own(caller: Caller) -> frozenset[str]:
    return caller.membership.roles if caller.membership else frozenset()


def _names(role_ids: Iterable[int]) -> frozenset[str]:
    """The names of these roles. Raises ApiError."""
    names = set[str]()
    for role_id in role_ids:
        found = access.role_of(role_id)
        if found is None:
            raise ApiError("validation_error", "The field role_ids must hold ids of roles.")
        names.add(found.name)
    return frozenset(names)


def _with(member: Member, body: UserChanges, now: int) -> Member:
    """The member with what was sent. Raises ApiError and InvalidAccount."""
    sent = body.changes()
    member = replace(member, profile=body.profile(member.profile))
    if "name" in sent:
        member = replace(member, name=check_name(body.name))
    if "email" in sent:
        member = replace(member, email=check_email(body.email))
    if "role_ids" in sent:
        member = replace(member, roles=_names(body.role_ids))
    if "is_active" in sent:
        inactive_at = None if body.is_active else member.inactive_at or now
        member = replace(member, inactive_at=inactive_at)
    return member


def _change(unit: Unit, caller: Caller, before: Member, after: Member, now: int) -> None:
    """Check and keep a change; the tenant's members are held. Raises what `check_change` does."""
    check_change(before, after, _own(caller), unit.members.owners(caller.tenant_id))
    if (before.name, before.email) != (after.name, after.email):
        unit.people.rename(after.person_id, email=after.email, name=after.name)
    unit.members.put(after, now)
