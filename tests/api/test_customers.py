"""Customers and tenants as the wire shows them, and what can be asked of the list (wire §a)."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from flextell.api.routes import TABLE
from flextell.api.row import Row
from flextell.tenants.model import CustomerDetails
from tests.api import desk
from tests.api.conftest import Clinic, running_clinic
from tests.world import NOON

pytestmark = pytest.mark.anyio

CUSTOMERS = "/api/v1/customers"
NOVEMBER_23_2008 = 1_227_398_400


def keys(value: Any) -> Any:
    """The shape of a JSON value: its member names, all the way down."""
    if isinstance(value, dict):
        return {name: keys(member) for name, member in value.items()}
    if isinstance(value, list):
        return [keys(member) for member in value]
    return None


async def ids_of(clinic: Clinic, **parameters: Any) -> list[int]:
    """The customers that Alice finds."""
    answer = await clinic.get(CUSTOMERS, **parameters)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


async def test_a_customer_has_every_documented_field(clinic: Clinic) -> None:
    ids = clinic.ids

    answer = await clinic.get(f"{CUSTOMERS}/{ids.ada}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    bob = body["data"]["related_user"].pop("id")
    assert isinstance(bob, int)
    assert body == {
        "success": True,
        "data": {
            "id": ids.ada,
            "first_name": "Ada",
            "last_name": "Çelik",
            "phone_number": "+905551234567",
            "email": "ada@example.com",
            "date_of_birth": "1815-12-10T00:00:00Z",
            "gender": "female",
            "country_name": "Türkiye",
            "identity_number": "10000000146",
            "job": "Engineer",
            "address": "Bebek 1",
            "default_channel_id": 3,
            "avatar_url": "https://pictures.example/ada.png",
            "related_user": {"name": "Bob"},
            "created_at": "2026-11-23T12:00:00Z",
            "updated_at": "2026-11-23T12:00:00Z",
            "deleted_at": None,
            "tags": [
                {
                    "id": ids.vip,
                    "tenant_id": ids.bosphorus,
                    "name": "VIP",
                    "color": "#FFAA00",
                    "created_at": "2026-11-23T12:00:00Z",
                    "updated_at": "2026-11-23T12:00:00Z",
                    "deleted_at": None,
                }
            ],
        },
    }


async def test_what_is_not_known_of_a_customer_is_null(clinic: Clinic) -> None:
    ada = (await clinic.get(f"{CUSTOMERS}/{clinic.ids.ada}")).json()["data"]
    grace = (await clinic.get(f"{CUSTOMERS}/{clinic.ids.grace}")).json()["data"]

    assert grace.keys() == ada.keys()
    assert {name for name, value in grace.items() if value is None} == {
        "email",
        "date_of_birth",
        "gender",
        "country_name",
        "identity_number",
        "job",
        "address",
        "default_channel_id",
        "avatar_url",
        "related_user",
        "deleted_at",
    }
    assert grace["tags"] == []


async def test_a_tenant_has_every_documented_field_and_the_logo_clients_read(
    clinic: Clinic,
) -> None:
    """Wire §a.3, §e 18."""
    answer = await clinic.get("/api/v1/account/tenants")

    (tenant,) = answer.json()["data"]
    picture = "https://pictures.example/bosphorus.png"
    country, city = tenant["country"], tenant["city"]
    assert (country["name"], city["name"]) == ("Türkiye", "İstanbul")
    assert tenant == {
        "id": clinic.ids.bosphorus,
        "name": "Bosphorus Clinic",
        "avatar_url": picture,
        "logo_url": picture,
        "phone_number": None,
        "address": None,
        "location": {"latitude": "41.08", "longitude": "29.05"},
        "services": ["Dentistry"],
        "knowledge_base": ["Parking is free."],
        "work_hours": [{"day": "monday", "enabled": True, "open": "09:00", "close": "18:00"}],
        "city_id": city["id"],
        "district_id": None,
        "country_id": country["id"],
        "city": city,
        "district": None,
        "country": country,
        "created_at": "2026-11-23T12:00:00Z",
        "updated_at": "2026-11-23T12:00:00Z",
    }


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if row.method == "GET" and not row.path.startswith(desk.PATHS)],
    ids=lambda row: row.path,
)
async def test_answers_are_what_the_table_says_they_are(clinic: Clinic, row: Row) -> None:
    """The types in the table are what the OpenAPI document is made of."""
    names = {"id": clinic.ids.vip if "/tags/" in row.path else clinic.ids.ada}
    if "/users" in row.path or "/roles" in row.path:
        names = {"id": 1}
    token = clinic.token(scope="read")
    if "{note_id}" in row.path:
        note = await clinic.client.post(
            f"{CUSTOMERS}/{clinic.ids.ada}/notes",
            headers={"authorization": f"Bearer {clinic.token(scope='write')}"},
            json={"content": "Likes tea."},
        )
        names["note_id"] = note.json()["data"]["id"]

    if row.path == "/v1/files/{id}":
        file = await clinic.client.post(
            f"{CUSTOMERS}/{clinic.ids.ada}/files",
            headers={"authorization": f"Bearer {clinic.token(scope='write')}"},
            files={"file": ("a.txt", b"text")},
            data={"type": "other"},
        )
        names["id"] = file.json()["data"]["id"]

    answer = await clinic.get("/api" + row.path.format(**names), token=token)

    assert answer.status_code == 200
    typed = TypeAdapter(row.returns).validate_json(answer.content)
    assert keys(typed) == keys(answer.json())


async def test_a_deleted_customer_is_gone_but_from_those_who_ask_for_deleted_ones(
    clinic: Clinic,
) -> None:
    """Wire §e 6."""
    deleted = clinic.ids.deleted

    shown = (await clinic.get(CUSTOMERS, trashed="true")).json()["data"]

    assert deleted not in await ids_of(clinic)
    assert deleted not in await ids_of(clinic, trashed="false")
    assert {each["id"]: each["deleted_at"] for each in shown}[deleted] == "2026-11-23T12:00:01Z"
    assert (await clinic.get(f"{CUSTOMERS}/{deleted}")).status_code == 404


@pytest.mark.parametrize(
    "search",
    ["ada", "ADA", "celik", "ÇELİK", "ada çel", "5551234567 ada@", "+9055", "ADA@EXAMPLE"],
)
async def test_a_search_finds_names_phones_and_addresses_whatever_the_case_and_accents(
    clinic: Clinic, search: str
) -> None:
    assert await ids_of(clinic, search=search) == [clinic.ids.ada]


@pytest.mark.parametrize("search", ["%", "_", "!", "a%a", "Ad_", "';--", '"'])
async def test_a_search_takes_the_signs_of_sql_as_they_are(clinic: Clinic, search: str) -> None:
    assert await ids_of(clinic, search=search) == []


async def test_customers_are_filtered_by_gender(clinic: Clinic) -> None:
    assert await ids_of(clinic, gender="female") == [clinic.ids.ada]
    assert await ids_of(clinic, gender="male") == []


async def test_customers_are_filtered_by_age_in_whole_years(own_clinic: Clinic) -> None:
    """Today is 23 November 2026. Whose age is not known never fits."""

    def add(born: int) -> int:
        details = CustomerDetails("Young", "Person", "+3", date_of_birth=born)
        tenant_id = own_clinic.ids.bosphorus
        return own_clinic.parts.store.at_once(
            lambda unit: unit.customers.add(tenant_id, details, NOON)
        )

    eighteen, seventeen = add(NOVEMBER_23_2008), add(NOVEMBER_23_2008 + 86_400)

    assert await ids_of(own_clinic, min_age=18, max_age=100) == [eighteen]
    assert await ids_of(own_clinic, max_age=17) == [seventeen]
    assert await ids_of(own_clinic, max_age=18) == [seventeen, eighteen]
    assert await ids_of(own_clinic, min_age=150) == [own_clinic.ids.ada]


async def test_the_newest_customer_comes_first_unless_something_else_is_asked_for(
    clinic: Clinic,
) -> None:
    ada, grace = clinic.ids.ada, clinic.ids.grace

    assert await ids_of(clinic) == [ada, grace]
    assert await ids_of(clinic, sort_order="asc") == [grace, ada]
    assert await ids_of(clinic, sort_by="last_name") == [grace, ada]
    assert await ids_of(clinic, sort_by="first_name", sort_order="desc") == [grace, ada]


async def test_those_without_a_value_come_last_in_both_orders(clinic: Clinic) -> None:
    for order in ("asc", "desc"):
        found = await ids_of(clinic, sort_by="date_of_birth", sort_order=order)
        assert found == [clinic.ids.ada, clinic.ids.grace]


async def test_success_is_text_for_clients_that_expect_text(tmp_path: Path) -> None:
    """Wire §e 4."""
    async for clinic in running_clinic(tmp_path, success_as_text=True):
        answers = [
            await clinic.get(CUSTOMERS),
            await clinic.get(f"{CUSTOMERS}/{clinic.ids.ada}"),
            await clinic.get("/api"),
        ]
        assert [answer.json()["success"] for answer in answers] == ["true"] * 3
