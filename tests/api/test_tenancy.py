"""Which tenant a request acts in, and that nothing crosses its wall (wire §e 17, 33)."""

import pytest

from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio

CUSTOMERS = "/api/v1/customers"


def bob(clinic: Clinic) -> str:
    """A token for somebody who belongs to two clinics."""
    return clinic.token("sub-bob", grant_id="grant-bob")


async def test_the_only_tenant_of_a_person_need_not_be_named(clinic: Clinic) -> None:
    answer = await clinic.get(CUSTOMERS)

    assert answer.status_code == 200
    assert [each["id"] for each in answer.json()["data"]] == [clinic.ids.ada, clinic.ids.grace]


async def test_one_of_several_tenants_must_be_named(clinic: Clinic) -> None:
    answer = await clinic.get(CUSTOMERS, token=bob(clinic))

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert "X-Tenant" in answer.json()["message"]


async def test_the_named_tenant_is_the_one_acted_in(clinic: Clinic) -> None:
    ids = clinic.ids

    here = await clinic.get(CUSTOMERS, token=bob(clinic), tenant=ids.bosphorus)
    there = await clinic.get(CUSTOMERS, token=bob(clinic), tenant=ids.golden_horn)

    assert [each["id"] for each in here.json()["data"]] == [ids.ada, ids.grace]
    assert [each["id"] for each in there.json()["data"]] == [ids.elsewhere]


@pytest.mark.parametrize("tenant", ["clinic", "1.5", "", "0x1", "1 2", "\u00b2", "1" * 200])
async def test_a_tenant_that_is_no_number_is_refused(clinic: Clinic, tenant: str) -> None:
    token = f"Bearer {clinic.token()}".encode()
    headers = [(b"authorization", token), (b"x-tenant", tenant.encode("latin-1"))]

    answer = await clinic.client.get(CUSTOMERS, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "X-Tenant" in answer.json()["message"]


async def test_a_tenant_named_twice_is_refused(clinic: Clinic) -> None:
    one = ("x-tenant", str(clinic.ids.bosphorus))

    answer = await clinic.client.get(
        CUSTOMERS, headers=[("authorization", f"Bearer {clinic.token()}"), one, one]
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_another_tenant_and_one_that_never_was_get_the_same_answer(clinic: Clinic) -> None:
    """So that ids cannot be probed."""
    answers = [
        await clinic.get(CUSTOMERS, tenant=tenant)
        for tenant in (clinic.ids.golden_horn, 999_999, -1, 0, 10**30)
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json()["error"] for answer in answers} == {"forbidden"}
    assert len({answer.content for answer in answers}) == 1


async def test_somebody_who_belongs_nowhere_may_do_nothing(clinic: Clinic) -> None:
    token = clinic.token("sub-eve", grant_id="grant-eve")

    answer = await clinic.get(CUSTOMERS, token=token)

    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


async def test_a_role_that_allows_nothing_allows_nothing(clinic: Clinic) -> None:
    """Wire §e 33: it takes the scope and the permission."""
    token = clinic.token("sub-carol", grant_id="grant-carol")

    answer = await clinic.get(CUSTOMERS, token=token)

    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert "role" in answer.json()["message"]
    assert "tenant" not in answer.text


async def test_a_customer_of_another_tenant_does_not_exist(clinic: Clinic) -> None:
    there = await clinic.get(f"{CUSTOMERS}/{clinic.ids.elsewhere}")
    nowhere = await clinic.get(f"{CUSTOMERS}/999999")

    assert there.status_code == nowhere.status_code == 404
    assert there.content == nowhere.content


async def test_the_list_of_tenants_ignores_x_tenant(clinic: Clinic) -> None:
    answer = await clinic.get("/api/v1/account/tenants", tenant="no number")

    assert answer.status_code == 200
    assert [each["name"] for each in answer.json()["data"]] == ["Bosphorus Clinic"]


async def test_words_that_clients_look_for_are_only_said_where_they_are_meant(
    clinic: Clinic,
) -> None:
    """Wire §d.5 9: `tenant` in an error of customers, `scope` in an error of tenants."""
    tenants = "/api/v1/account/tenants"
    nothing_to_do_with_tenants = [
        await clinic.client.get(CUSTOMERS),
        await clinic.get(CUSTOMERS, token="x.y.z"),
        await clinic.get(CUSTOMERS, token=clinic.token(scope="email")),
        await clinic.get(f"{CUSTOMERS}/999999"),
        await clinic.get(CUSTOMERS, cursor="broken"),
        await clinic.get(CUSTOMERS, page="x"),
        await clinic.get(CUSTOMERS, min_age="9", max_age="1"),
        await clinic.get(CUSTOMERS, page="1", limit="1"),
        await clinic.get(CUSTOMERS, method="DELETE"),
    ]
    nothing_to_do_with_scopes = [
        await clinic.client.get(tenants),
        await clinic.get(tenants, token="x.y.z"),
        await clinic.get(tenants, cursor="broken"),
        await clinic.get(tenants, page="0"),
        await clinic.get(tenants, method="POST"),
    ]

    assert all(answer.status_code >= 400 for answer in nothing_to_do_with_tenants)
    assert not [a.text for a in nothing_to_do_with_tenants if "tenant" in a.text.lower()]
    assert all(answer.status_code >= 400 for answer in nothing_to_do_with_scopes)
    assert not [a.text for a in nothing_to_do_with_scopes if "scope" in a.text.lower()]
