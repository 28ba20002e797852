"""Blocked customers through the API: nothing comes from them, nothing goes to them (wire §a.2)."""

from typing import Any

import pytest

from flextell.tenants.model import CustomerDetails
from tests.api.conftest import Clinic
from tests.api.desk import BLOCKS, CONVERSATIONS, Desk, new_phone, open_desk
from tests.world import ISSUER, NOON

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(clinic: Clinic) -> Desk:
    """A channel of this test's own."""
    return await open_desk(clinic)


def of_ada(desk: Desk, **more: Any) -> dict[str, Any]:
    """What blocks Ada."""
    return {
        "channel_id": desk.channel_id,
        "customer_id": desk.clinic.ids.ada,
        "reason": "manual",
        **more,
    }


async def test_a_block_has_every_documented_field(desk: Desk) -> None:
    body = of_ada(desk, ttl_seconds=3600, note="Rude.", metadata=["seen"])
    answer = await desk.ask("POST", BLOCKS, body)

    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert answer.headers["location"] == f"{ISSUER}{BLOCKS}/{made['id']}"
    assert await desk.done("GET", f"{BLOCKS}/{made['id']}") == made
    assert made.pop("id") > 0
    noon, one = "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"
    assert made == {
        "tenant_id": desk.clinic.ids.bosphorus,
        "reason": "manual",
        "reason_label": "Blocked by hand",
        "note": "Rude.",
        "blocked_at": noon,
        "expires_at": one,
        "is_active": True,
        "is_permanent": False,
        "is_expired": False,
        "remaining_time": "3600",
        "dropped_messages": 0,
        "metadata": ["seen"],
        "created_at": noon,
        "updated_at": noon,
        "deleted_at": None,
        "channel": {"id": desk.channel_id, "name": "Reception", "address": "+902120000000"},
        "customer": {
            "id": desk.clinic.ids.ada,
            "first_name": "Ada",
            "last_name": "Çelik",
            "phone_number": "+905551234567",
            "email": "ada@example.com",
        },
    }


async def test_a_blocked_customer_is_not_heard_and_not_written_to(own_clinic: Clinic) -> None:
    desk = await open_desk(own_clinic)
    path = await desk.begin("+905551234567")
    block = await desk.done("POST", BLOCKS, of_ada(desk, ttl_seconds=60), 201)

    sent = await desk.ask("POST", f"{path}/messages", {"message": "Hello"})
    wrote = [await desk.write("+905551234567", "Buy!") for _ in range(2)]

    assert (sent.status_code, sent.json()["error"]) == (409, "conflict")
    assert wrote == ["dropped", "dropped"]
    assert await desk.done("GET", f"{path}/messages") == []
    shown = (await desk.done("GET", path))["blacklist"]
    assert (shown["id"], shown["dropped_messages"]) == (block["id"], 2)
    own_clinic.world.clock.advance(60)
    assert (await desk.done("GET", path))["blacklist"] is None
    expired = await desk.done("GET", f"{BLOCKS}/{block['id']}")
    assert (expired["is_expired"], expired["remaining_time"]) == (True, "0")
    assert await desk.write("+905551234567", "Sorry.") == "kept"
    await desk.say(path, "Hello again")


async def test_a_change_merges_metadata_and_can_lift_a_block_or_make_it_permanent(
    desk: Desk,
) -> None:
    block = await desk.done("POST", BLOCKS, of_ada(desk, ttl_seconds=60), 201)
    path = f"{BLOCKS}/{block['id']}"

    await desk.done("PUT", path, {"metadata": {"by": "Bob", "times": 1}})
    changed = await desk.done(
        "PATCH", path, {"metadata": {"times": 2}, "expires_at": None, "reason": "llm_spam"}
    )
    lifted = await desk.done("PUT", path, {"is_active": False})

    assert changed["metadata"] == {"by": "Bob", "times": 2}
    assert (changed["is_permanent"], changed["remaining_time"]) == (True, None)
    assert (changed["reason"], changed["note"]) == ("llm_spam", None)
    assert lifted["is_active"] is False
    assert (await desk.done("GET", f"{BLOCKS}?channel_id={desk.channel_id}&in_force=true")) == []
    assert (await desk.done("GET", f"{BLOCKS}?channel_id={desk.channel_id}")) == [lifted]


async def test_a_customer_has_one_block_in_force_on_a_channel(desk: Desk) -> None:
    first = await desk.done("POST", BLOCKS, of_ada(desk), 201)
    again = await desk.ask("POST", BLOCKS, of_ada(desk))
    await desk.done("PUT", f"{BLOCKS}/{first['id']}", {"is_active": False})
    await desk.done("POST", BLOCKS, of_ada(desk), 201)
    revived = await desk.ask("PUT", f"{BLOCKS}/{first['id']}", {"is_active": True})

    assert (again.status_code, revived.status_code) == (409, 409)


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"channel_id": 10**9}, 422, "channel_id"),
        ({"customer_id": 10**9}, 422, "customer_id"),
        ({"reason": "boredom"}, 422, "reason"),
        ({"reason": None}, 422, "reason"),
        ({"ttl_seconds": 0}, 422, "ttl_seconds"),
        ({"note": "x" * 1001}, 422, "note"),
        ({"metadata": "text"}, 400, "metadata"),
        ({"metadata": ["x" * 20_000]}, 422, "metadata"),
    ],
)
async def test_a_block_that_cannot_be_says_why(
    desk: Desk, change: dict[str, Any], status: int, word: str
) -> None:
    answer = await desk.ask("POST", BLOCKS, of_ada(desk) | change)

    assert answer.status_code == status
    assert word in answer.json()["message"]


async def test_a_block_of_another_tenants_customer_or_channel_cannot_be_made(desk: Desk) -> None:
    theirs = await desk.ask("POST", BLOCKS, of_ada(desk, customer_id=desk.clinic.ids.elsewhere))

    assert theirs.status_code == 422


async def test_somebody_who_is_blocked_before_they_write_is_dropped_too(desk: Desk) -> None:
    phone = new_phone()
    await desk.write(phone, "First")
    (row,) = await desk.done("GET", f"{CONVERSATIONS}?search={phone[1:]}")
    other = await open_desk(desk.clinic)
    body = of_ada(desk, customer_id=row["customer"]["id"], channel_id=other.channel_id)
    await desk.done("POST", BLOCKS, body, 201)

    assert await other.write(phone, "Elsewhere") == "dropped"
    assert await desk.write(phone, "Here") == "kept"


async def test_a_block_of_a_deleted_customer_can_still_be_changed(desk: Desk) -> None:
    store, tenant_id = desk.clinic.parts.store, desk.clinic.ids.bosphorus
    grace = await store.write(
        lambda unit: unit.customers.add(
            tenant_id, CustomerDetails("Grace", "Gone", new_phone()), NOON
        )
    )
    body = of_ada(desk) | {"customer_id": grace}
    block = await desk.done("POST", BLOCKS, body, 201)
    assert await store.write(lambda unit: unit.customers.delete(tenant_id, grace, NOON))

    changed = await desk.done("PUT", f"{BLOCKS}/{block['id']}", {"note": "She left."})

    assert changed["note"] == "She left."
    assert (await desk.ask("POST", BLOCKS, body)).status_code == 422
