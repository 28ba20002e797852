"""Roles, and which tenant a request acts in (wire §e 17, 33)."""

import pytest

from flextell.tenants.access import (
    ROLES,
    BeyondOwnRoles,
    InvalidTenantHeader,
    NoSuchMembership,
    NotPermitted,
    Permission,
    TenantNotNamed,
    acting_in,
    allows,
    check_within,
    known,
    named_tenant,
    need,
    permissions,
    role_of,
)
from flextell.tenants.model import Membership

HERE = Membership(1, frozenset({"owner"}))
THERE = Membership(2, frozenset({"viewer"}))


def test_an_owner_may_do_everything_and_an_unknown_role_nothing() -> None:
    assert all(allows({"owner"}, permission) for permission in Permission)
    assert not permissions({"retired"})


def test_a_viewer_sees_and_changes_nothing() -> None:
    assert all(permission.name.startswith("SEE_") for permission in permissions({"viewer"}))
    assert allows({"viewer"}, Permission.SEE_CUSTOMERS)
    assert allows({"staff"}, Permission.CHANGE_CUSTOMERS)


def test_several_roles_allow_what_each_of_them_does() -> None:
    both = permissions({"staff", "viewer", "retired"})

    assert both == permissions({"staff"}) | permissions({"viewer"})


def test_whoever_belongs_to_a_tenant_belongs_to_it_without_any_role() -> None:
    assert allows(frozenset(), Permission.BELONG)
    assert not any(Permission.BELONG in role.permissions for role in ROLES.values())


def test_numbers_of_roles_and_permissions_never_change() -> None:
    """They are on the wire: a new one gets a new number."""
    assert {role.name: role.role_id for role in ROLES.values()} == {
        "owner": 1,
        "staff": 2,
        "viewer": 3,
    }
    assert Permission.SEE_CUSTOMERS.value == 1
    assert Permission.CHANGE_CUSTOMERS.value == 2
    assert Permission.SEE_USERS.value == 3
    assert Permission.CHANGE_USERS.value == 4
    assert Permission.CHANGE_TENANT.value == 5


def test_roles_are_found_by_number_and_by_name() -> None:
    assert role_of(2) == ROLES["staff"]
    assert role_of(99) is None
    assert known(["viewer", "retired", "owner"]) == (ROLES["owner"], ROLES["viewer"])


def test_nobody_deals_with_a_role_that_allows_more_than_their_own() -> None:
    check_within({"viewer"}, {"staff"})
    check_within({"retired"}, frozenset())
    with pytest.raises(BeyondOwnRoles):
        check_within({"owner"}, {"staff", "viewer"})


@pytest.mark.parametrize("role", [*ROLES, "retired"])
@pytest.mark.parametrize("permission", Permission)
def test_what_is_needed_is_refused_exactly_when_it_is_not_allowed(
    role: str, permission: Permission
) -> None:
    try:
        need(Membership(1, frozenset({role})), permission)
    except NotPermitted:
        assert not allows({role}, permission)
    else:
        assert allows({role}, permission)


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
