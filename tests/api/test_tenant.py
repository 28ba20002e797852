"""The tenant that a request acts in, its roles, and who is signed in (wire §a)."""

from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flextell.tenants.access import ROLES, Permission
from tests.api.anything import json_values
from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio

TENANT = "/api/v1/tenant"
SCOPE = "tenants:read tenants:write users:read account:read"


async def ask(
    clinic: Clinic,
    method: str,
    path: str,
    subject: str = "sub-alice",
    tenant: object = None,
    **body: object,
) -> httpx2.Response:
    """Ask as somebody with every scope that is needed here."""
    headers = {"authorization": f"Bearer {clinic.token(subject, SCOPE, f'grant-{subject}')}"}
    if tenant is not None:
        headers["x-tenant"] = str(tenant)
    json = body if method in ("PUT", "PATCH") else None
    return await clinic.client.request(method, path, headers=headers, json=json)


async def test_the_tenant_is_the_one_in_the_list_of_tenants(clinic: Clinic) -> None:
    tenant = await ask(clinic, "GET", TENANT)
    listed = await ask(clinic, "GET", "/api/v1/account/tenants")

    assert tenant.status_code == 200
    assert tenant.json()["data"] == listed.json()["data"][0]


async def test_only_what_is_sent_changes(own_clinic: Clinic) -> None:
    """Wire §e 7, 8: the knowledge base goes in as text and comes out as a list."""
    city = await own_clinic.parts.store.write(lambda unit: unit.tenants.add_place("city", "Bursa"))
    before = (await ask(own_clinic, "GET", TENANT)).json()["data"]
    changes: dict[str, Any] = {
        "phone_number": "+90 212",
        "address": "Bebek 1",
        "knowledge_base": "Parking is free.\r\n\n  Dogs may wait outside. \n",
        "services": ["Implants", None, "Whitening"],
        "location": {"latitude": "41.5", "longitude": 29},
        "work_hours": [
            {"day": "tuesday", "enabled": False, "open": "00:00", "close": "00:00"},
            {"day": "monday", "enabled": True, "open": "08:30", "close": "17:00"},
        ],
        "city_id": city,
    }
    answer = await ask(own_clinic, "PUT", TENANT, **changes)

    assert answer.status_code == 200, answer.text
    after = answer.json()["data"]
    assert (after["phone_number"], after["address"]) == ("+90 212", "Bebek 1")
    assert after["knowledge_base"] == ["Parking is free.", "Dogs may wait outside."]
    assert after["services"] == ["Implants", "Whitening"]
    assert after["location"] == {"latitude": "41.5", "longitude": "29"}
    assert [each["day"] for each in after["work_hours"]] == ["monday", "tuesday"]
    assert (after["city_id"], after["city"]) == (city, {"id": city, "name": "Bursa"})
    assert after["country"] == before["country"]
    assert {name for name in after if after[name] != before[name]} == {*changes, "city"}
    sent_back = {name: after[name] for name in changes} | {"knowledge_base": "One thing."}
    again = await ask(own_clinic, "PATCH", TENANT, **sent_back)
    assert again.json()["data"] == after | {"knowledge_base": ["One thing."]}


async def test_null_takes_away(own_clinic: Clinic) -> None:
    names = ("phone_number", "address", "knowledge_base", "services", "location", "work_hours")
    places = ("country_id", "city_id", "district_id")
    nothing: Any = dict.fromkeys((*names, *places))
    answer = await ask(own_clinic, "PUT", TENANT, **nothing)

    data = answer.json()["data"]
    assert data["location"] == {"latitude": None, "longitude": None}
    assert data["knowledge_base"] == data["services"] == data["work_hours"] == []
    assert [data[name] for name in ("phone_number", "address", *places, "country")] == [None] * 6
    assert data["name"] == "Bosphorus Clinic"


def a_day(**changed: Any) -> dict[str, Any]:
    return {"day": "monday", "enabled": True, "open": "09:00", "close": "18:00"} | changed


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("phone_number", "1" * 33, 422),
        ("phone_number", 7, 400),
        ("address", "x" * 501, 422),
        ("knowledge_base", "x" * 5001, 422),
        ("knowledge_base", ["Parking is free."], 400),
        ("services", ["x" * 121], 422),
        ("services", "Implants", 400),
        ("location", {"latitude": 91, "longitude": 0}, 422),
        ("location", {"latitude": 1}, 400),
        ("location", {"latitude": True, "longitude": 0}, 400),
        ("location", {"latitude": "1e999", "longitude": 0}, 422),
        ("location", [41, 29], 400),
        ("work_hours", [a_day(), a_day()], 422),
        ("work_hours", [a_day(open="9:00")], 422),
        ("work_hours", [a_day(close="24:00")], 422),
        ("work_hours", [a_day(day="someday")], 422),
        ("work_hours", [a_day(enabled="yes")], 400),
        ("country_id", 999_999, 422),
        ("city_id", "Istanbul", 400),
    ],
)
async def test_a_faulty_change_is_refused_and_names_the_field(
    clinic: Clinic, field: str, value: object, status: int
) -> None:
    before = await ask(clinic, "GET", TENANT)
    change: Any = {field: value}
    answer = await ask(clinic, "PUT", TENANT, **change)

    assert (answer.status_code, answer.json().keys()) == (status, {"error", "message"})
    assert field in answer.json()["message"]
    assert (await ask(clinic, "GET", TENANT)).content == before.content


async def test_a_place_of_another_kind_is_none(clinic: Clinic) -> None:
    country = (await ask(clinic, "GET", TENANT)).json()["data"]["country_id"]

    answer = await ask(clinic, "PUT", TENANT, city_id=country)

    assert (answer.status_code, answer.json()["error"]) == (422, "validation_error")


@pytest.mark.parametrize("subject", ["sub-bob", "sub-carol"])
async def test_members_see_the_tenant_and_owners_change_it(clinic: Clinic, subject: str) -> None:
    here = clinic.ids.bosphorus

    seen = await ask(clinic, "GET", TENANT, subject, here)
    changed = await ask(clinic, "PUT", TENANT, subject, here, address="Mine")

    assert (seen.status_code, changed.status_code) == (200, 403)


async def test_the_roles_of_the_caller_are_named_with_what_they_allow(clinic: Clinic) -> None:
    bob = await ask(clinic, "GET", "/api/v1/account/roles", "sub-bob", clinic.ids.bosphorus)
    alice = await ask(clinic, "GET", "/api/v1/account/roles")
    carol = await ask(clinic, "GET", "/api/v1/account/roles", "sub-carol")

    assert bob.json()["data"]["roles"] == {"2": "staff"}
    assert "change_customers" in bob.json()["data"]["permissions"].values()
    assert "change_users" not in bob.json()["data"]["permissions"].values()
    assert alice.json()["data"]["roles"] == {"1": "owner"}
    assert len(alice.json()["data"]["permissions"]) == len(Permission) - 1
    assert carol.json()["data"] == {"roles": {}, "permissions": {}}


async def test_roles_are_listed_and_read(clinic: Clinic) -> None:
    listed = (await ask(clinic, "GET", "/api/v1/roles")).json()
    viewer = await ask(clinic, "GET", "/api/v1/roles/3")

    assert [each["name"] for each in listed["data"]] == list(ROLES)
    assert listed["meta"]["total"] == len(ROLES)
    data = viewer.json()["data"]
    assert data == listed["data"][2]
    assert (data["id"], data["tenant_id"]) == (3, clinic.ids.bosphorus)
    assert data["is_system"] is True
    assert data["permissions_count"] == len(data["permissions"])
    assert {"id": 1, "name": "see_customers"} in data["permissions"]
    assert (await ask(clinic, "GET", "/api/v1/roles/99")).status_code == 404


async def test_the_signed_in_person_is_known_in_a_tenant_and_without_one(clinic: Clinic) -> None:
    me = "/api/v1/account/me"
    here = await ask(clinic, "GET", me, "sub-bob", clinic.ids.bosphorus)
    there = await ask(clinic, "GET", me, "sub-bob", clinic.ids.golden_horn)
    nowhere = await ask(clinic, "GET", me, "sub-bob")
    alice = await ask(clinic, "GET", me)
    eve = await ask(clinic, "GET", me, "sub-eve")

    assert [each.json()["data"]["roles"] for each in (here, there, nowhere)] == [
        [{"id": 2, "name": "staff"}],
        [{"id": 3, "name": "viewer"}],
        [],
    ]
    assert nowhere.json()["data"]["email"] == "bob@example.com"
    assert nowhere.json()["data"]["scopes"] == sorted(SCOPE.split())
    assert alice.json()["data"]["roles"] == [{"id": 1, "name": "owner"}]
    assert (eve.json()["data"]["name"], eve.json()["data"]["is_active"]) == ("Eve", True)
    for tenant, status in ((clinic.ids.golden_horn, 403), ("clinic", 400)):
        assert (await ask(clinic, "GET", me, tenant=tenant)).status_code == status


fields = st.sampled_from(
    ["phone_number", "address", "knowledge_base", "services", "location", "work_hours", "city_id"]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.dictionaries(fields, json_values))
async def test_no_body_is_a_fault_of_ours(own_clinic: Clinic, body: dict[str, Any]) -> None:
    assert (await ask(own_clinic, "PUT", TENANT, **body)).status_code < 500
