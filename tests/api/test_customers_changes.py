"""Customers as apps change them (wire §a.2, §e 6, 7, 9, 20)."""

from typing import Any

import pytest

from tests.api.changing import CUSTOMERS, LINUS, SCOPE, TAGS, ask, linus, made, remove_user
from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio


async def test_a_customer_is_created_with_all_that_is_known(clinic: Clinic) -> None:
    bob = (await ask(clinic, "GET", f"{CUSTOMERS}/{clinic.ids.ada}")).json()["data"]["related_user"]
    customer = await made(
        clinic,
        CUSTOMERS,
        LINUS
        | {
            "email": "linus@example.com",
            "date_of_birth": "1901-02-28",
            "gender": "male",
            "job": "Chemist",
            "user_id": bob["id"],
            "tag_ids": [clinic.ids.vip],
        },
    )

    assert customer["date_of_birth"] == "1901-02-28T00:00:00Z"
    assert customer["related_user"] == bob
    assert [tag["id"] for tag in customer["tags"]] == [clinic.ids.vip]
    read = await ask(clinic, "GET", f"{CUSTOMERS}/{customer['id']}")
    assert read.json()["data"] == customer


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_touches_only_what_is_sent(clinic: Clinic, method: str) -> None:
    """Wire §e 7: null clears what may be empty."""
    path = await linus(clinic, job="Chemist", email="linus@example.com")

    changed = await ask(clinic, method, path, {"job": None, "last_name": "P."})

    customer = changed.json()["data"]
    assert (customer["job"], customer["last_name"]) == (None, "P.")
    assert (customer["first_name"], customer["email"]) == ("Linus", "linus@example.com")


async def test_who_was_changed_is_found_by_the_new_name(clinic: Clinic) -> None:
    path = await linus(clinic)
    await ask(clinic, "PUT", path, {"first_name": "Ørsted"})

    found = await ask(clinic, "GET", f"{CUSTOMERS}?search=ØRSTED")

    assert [f"{CUSTOMERS}/{each['id']}" for each in found.json()["data"]] == [path]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"first_name": None}, 400),
        ({"first_name": "x" * 256}, 422),
        ({"phone_number": "1" * 21}, 422),
        ({"email": "nobody"}, 422),
        ({"gender": "unknown"}, 422),
        ({"date_of_birth": "yesterday"}, 422),
        ({"date_of_birth": "0001-01-01T00:00:00+14:00"}, 422),
        ({"date_of_birth": "9999-12-31T23:59:59-12:00"}, 422),
        ({"default_channel_id": 1}, 422),
        ({"user_id": 10**9}, 422),
        ({"country_id": 10**9}, 422),
        ({"tag_ids": [10**9]}, 422),
        ({"tag_ids": [0]}, 422),
        ({"tag_ids": "7"}, 400),
    ],
)
async def test_a_change_that_breaks_a_rule_changes_nothing(
    clinic: Clinic, change: dict[str, Any], status: int
) -> None:
    """Wire §e 9: and the message names the field."""
    path = await linus(clinic)
    before = (await ask(clinic, "GET", path)).json()

    answer = await ask(clinic, "PUT", path, {"job": "Chemist"} | change)

    assert (answer.status_code, answer.json().keys()) == (status, {"error", "message"})
    assert next(iter(change)) in answer.json()["message"]
    assert (await ask(clinic, "GET", path)).json() == before


async def test_a_deleted_customer_is_hidden_until_restored(clinic: Clinic) -> None:
    """Wire §e 6; a second restore is a conflict (§e 9)."""
    path = await linus(clinic)

    deleted = await ask(clinic, "DELETE", path)
    hidden = await ask(clinic, "GET", path)
    again = await ask(clinic, "DELETE", path)
    restored = await ask(clinic, "POST", f"{path}/restore")
    twice = await ask(clinic, "POST", f"{path}/restore")

    assert deleted.json()["data"] == {"message": "The customer was deleted."}
    assert [hidden.status_code, again.status_code] == [404, 404]
    assert (restored.status_code, restored.json()["data"]["deleted_at"]) == (200, None)
    assert (twice.status_code, twice.json()["error"]) == (409, "conflict")


async def test_a_viewer_changes_nothing(clinic: Clinic) -> None:
    """Wire §e 33: the scope of the token is not enough."""
    token = clinic.token("sub-bob", SCOPE)
    headers = {"authorization": f"Bearer {token}", "x-tenant": str(clinic.ids.golden_horn)}

    answer = await clinic.client.post(CUSTOMERS, headers=headers, json=LINUS)

    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "{customers}/{elsewhere}"),
        ("DELETE", "{customers}/{elsewhere}"),
        ("POST", "{customers}/{elsewhere}/restore"),
        ("GET", "{customers}/{elsewhere}/notes"),
        ("POST", "{customers}/{elsewhere}/notes"),
        ("PUT", "{customers}/{elsewhere}/tags/{vip}"),
        ("DELETE", "{customers}/{elsewhere}/tags/{vip}"),
    ],
)
async def test_nothing_of_another_tenant_can_be_reached(
    clinic: Clinic, method: str, path: str
) -> None:
    """Wire §e 17: as if it were not there."""
    path = path.format(customers=CUSTOMERS, elsewhere=clinic.ids.elsewhere, vip=clinic.ids.vip)

    answer = await ask(clinic, method, path, {"content": "x"} if method != "GET" else None)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_staff_change_customers_notes_and_tags(clinic: Clinic) -> None:
    """Wire §e 33."""
    notes = f"{CUSTOMERS}/{clinic.ids.grace}/notes"

    for path, body in (
        (CUSTOMERS, LINUS),
        (notes, {"content": "By Bob."}),
        (TAGS, {"name": "Bob's", "color": "#00ff00"}),
    ):
        answer = await ask(clinic, "POST", path, body, subject="sub-bob")

        assert answer.status_code == 201, answer.text


async def test_what_a_customer_refers_to_may_be_gone_meanwhile(own_clinic: Clinic) -> None:
    """Whoever sends back what they read changes nothing; nobody else is given it."""
    clinic = own_clinic
    path = f"{CUSTOMERS}/{clinic.ids.ada}"
    ada = (await ask(clinic, "GET", path)).json()["data"]
    bob = ada["related_user"]["id"]
    await remove_user(clinic, bob)

    unsaid = await ask(clinic, "PUT", path, {"job": "Countess"})
    same = await ask(
        clinic, "PUT", path, {"user_id": bob, "default_channel_id": ada["default_channel_id"]}
    )
    given = await ask(clinic, "PUT", f"{CUSTOMERS}/{clinic.ids.grace}", {"user_id": bob})
    without = await ask(clinic, "PUT", path, {"user_id": None, "default_channel_id": None})

    assert [unsaid.status_code, same.status_code, given.status_code] == [200, 200, 422]
    assert same.json()["data"]["related_user"] == ada["related_user"]
    assert (without.json()["data"]["related_user"], without.status_code) == (None, 200)
    assert without.json()["data"]["default_channel_id"] is None
