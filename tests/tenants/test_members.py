"""How far a tenant may change its members."""

from dataclasses import replace

import pytest

from flextell.tenants.access import BeyondOwnRoles
from flextell.tenants.members import (
    LastOwner,
    Member,
    NotOursAlone,
    Profile,
    check_change,
    check_ours_alone,
    is_owner,
    search_text,
)

OWNERS = frozenset({"owner"})
ALICE = Member(1, 7, "Alice", "alice@example.com", Profile(), OWNERS, False, 5, 5)
BOB = replace(ALICE, person_id=8, name="Bob", roles=frozenset({"staff"}), ours_alone=True)


@pytest.mark.parametrize(
    "without",
    [{"roles": frozenset({"staff"})}, {"inactive_at": 9}, {"deleted_at": 9}],
    ids=["another role", "switched off", "removed"],
)
def test_the_last_owner_stays_and_one_of_two_may_go(without: dict[str, object]) -> None:
    after = replace(ALICE, **without)  # type: ignore[arg-type]

    assert is_owner(ALICE)
    assert not is_owner(after)
    check_change(ALICE, after, OWNERS, {7, 8})
    with pytest.raises(LastOwner):
        check_change(ALICE, after, OWNERS, {7})


def test_an_owner_who_is_switched_off_may_be_removed() -> None:
    off = replace(ALICE, inactive_at=9)

    check_change(off, replace(off, deleted_at=10), OWNERS, {8})


def test_nobody_gives_or_takes_a_role_that_allows_more_than_their_own() -> None:
    staff = frozenset({"staff"})

    check_change(BOB, replace(BOB, roles=frozenset({"viewer"})), staff, {7})
    with pytest.raises(BeyondOwnRoles):
        check_change(BOB, replace(BOB, roles=OWNERS), staff, {7})
    with pytest.raises(BeyondOwnRoles):
        check_change(ALICE, replace(ALICE, roles=staff), staff, {7, 9})


@pytest.mark.parametrize("changed", [{"name": "Al"}, {"email": "al@example.com"}])
def test_who_a_person_is_may_be_said_by_those_who_made_them_alone(changed: dict[str, str]) -> None:
    check_change(BOB, replace(BOB, **changed), OWNERS, {7})  # type: ignore[arg-type]
    check_ours_alone(BOB)
    with pytest.raises(NotOursAlone):
        check_change(ALICE, replace(ALICE, **changed), OWNERS, {7})  # type: ignore[arg-type]
    with pytest.raises(NotOursAlone):
        check_ours_alone(ALICE)


def test_the_search_looks_in_name_address_and_number_without_case_and_accents() -> None:
    assert search_text("Işil Çelik", "isil@example.com", "+90 1") == (
        "isil celik isil@example.com +90 1"
    )
