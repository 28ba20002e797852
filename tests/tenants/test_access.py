"""Roles, and which tenant a request acts in (wire §e 17, 33)."""

import pytest

from flextell.tenants.access import (
    ROLES,
    InvalidTenantHeader,
    NoSuchMembership,
    NotPermitted,
    Permission,
    TenantNotNamed,
    acting_in,
    allows,
    named_tenant,
    need,
)
from flextell.tenants.model import Membership

HERE, THERE = Membership(1, "owner"), Membership(2, "viewer")


def test_an_owner_may_do_everything_and_an_unknown_role_nothing() -> None:
    assert all(allows("owner", permission) for permission in Permission)
    assert not any(allows("retired", permission) for permission in Permission)


def test_a_viewer_sees_and_changes_nothing() -> None:
    assert allows("viewer", Permission.SEE_CUSTOMERS)
    assert not allows("viewer", Permission.CHANGE_CUSTOMERS)
    assert allows("staff", Permission.CHANGE_CUSTOMERS)


@pytest.mark.parametrize("role", [*ROLES, "retired"])
@pytest.mark.parametrize("permission", Permission)
def test_what_is_needed_is_refused_exactly_when_it_is_not_allowed(
    role: str, permission: Permission
) -> None:
    try:
        need(Membership(1, role), permission)
    except NotPermitted:
        assert not allows(role, permission)
    else:
        assert allows(role, permission)


def test_no_header_names_no_tenant_and_a_number_names_one() -> None:
    assert named_tenant([]) is None
    assert named_tenant(["12"]) == 12


@pytest.mark.parametrize("header", [["a"], [""], ["1", "1"], ["1", "2"], ["\u0661"], ["1.0"]])
def test_anything_else_is_refused(header: list[str]) -> None:
    with pytest.raises(InvalidTenantHeader):
        named_tenant(header)


def test_the_only_membership_is_taken_if_none_is_named() -> None:
    assert acting_in(None, [THERE]) == THERE


def test_of_several_memberships_the_named_one_is_taken() -> None:
    assert acting_in(2, [HERE, THERE]) == THERE
    with pytest.raises(TenantNotNamed):
        acting_in(None, [HERE, THERE])


@pytest.mark.parametrize("named", [None, 1, 99])
def test_who_belongs_nowhere_acts_nowhere(named: int | None) -> None:
    with pytest.raises(NoSuchMembership):
        acting_in(named, [])


def test_a_tenant_that_is_not_theirs_and_one_that_never_was_are_one_answer() -> None:
    with pytest.raises(NoSuchMembership) as theirs:
        acting_in(2, [HERE])
    with pytest.raises(NoSuchMembership) as nobodys:
        acting_in(99, [HERE])

    assert str(theirs.value) == str(nobodys.value)
