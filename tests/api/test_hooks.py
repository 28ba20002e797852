"""What customers write, as the server behind a channel passes it on (Standard Webhooks)."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flextell.store.port import Unit
from flextell.tenants.webhooks import Secret
from tests.api.anything import json_values
from tests.api.conftest import Clinic
from tests.api.desk import CONVERSATIONS, Desk, new_phone, open_desk

pytestmark = pytest.mark.anyio


def as_json(value: object) -> bytes:
    """JSON as Python writes it, which has numbers and halves of characters that others have not."""
    return json.dumps(value).encode()


@pytest.fixture
async def desk(clinic: Clinic) -> Desk:
    """A channel of this test's own."""
    return await open_desk(clinic)


@pytest.fixture(scope="module")
async def busy(clinic: Clinic) -> Desk:
    """A channel on which anything may come."""
    return await open_desk(clinic)


async def talks(desk: Desk, phone: str) -> list[Any]:
    """The conversations with somebody."""
    found: list[Any] = await desk.done("GET", f"{CONVERSATIONS}?search={phone[1:]}")
    return found


async def test_a_stranger_who_writes_becomes_a_customer_with_a_conversation(desk: Desk) -> None:
    phone = new_phone()

    sent = {"first_name": "Linus", "sent_at": "2026-11-23T13:59:58+02:00"}
    assert await desk.write(phone, "Is Monday free?", **sent) == "kept"

    (row,) = await talks(desk, phone)
    assert (row["display_name"], row["address"]) == ("Linus", phone)
    assert (row["last_message"], row["unread_count"]) == ("Is Monday free?", "1")
    (message,) = await desk.done("GET", f"{CONVERSATIONS}/{row['id']}/messages")
    assert (message["is_customer"], message["user_id"]) == (True, None)
    assert message["metadata"] == '{"sent_at":"2026-11-23T11:59:58Z"}'


async def test_a_message_that_comes_again_is_kept_once(desk: Desk) -> None:
    phone = new_phone()
    content = {"id": "wamid.same", "address": phone, "message": "Hi"}

    answers = await asyncio.gather(*(desk.hook(content) for _ in range(5)))

    fates = [answer.json()["data"]["status"] for answer in answers]
    assert sorted(fates) == ["kept", *["known"] * 4]
    (row,) = await talks(desk, phone)
    assert row["unread_count"] == "1"


async def test_two_channels_may_name_their_messages_alike(desk: Desk) -> None:
    other, phone = await open_desk(desk.clinic), new_phone()
    content = {"id": "1", "address": phone, "message": "Hi"}

    answers = [await desk.hook(content), await other.hook(content)]

    assert [answer.json()["data"]["status"] for answer in answers] == ["kept", "kept"]
    here, there = await talks(desk, phone)
    assert here["customer"]["id"] == there["customer"]["id"]


async def test_what_is_signed_with_another_secret_is_refused_and_not_kept(desk: Desk) -> None:
    phone = new_phone()
    content = {"id": "1", "address": phone, "message": "Hi"}

    answer = await desk.hook(content, Secret(b"x" * 32))

    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"]
    assert await talks(desk, phone) == []


async def test_a_channel_that_is_not_there_is_answered_as_one_with_another_secret(
    desk: Desk,
) -> None:
    content = {"id": "1", "address": "@x", "message": "Hi"}
    nowhere = Desk(desk.clinic, 10**9, desk.secret)

    refused = await desk.hook(content, Secret(b"x" * 32))
    absent = await nowhere.hook(content)

    assert (absent.status_code, absent.content) == (refused.status_code, refused.content)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ([], "object"),
        ({"id": "1", "address": "@x"}, "message"),
        ({"id": "1", "address": " ", "message": "Hi"}, "address"),
        ({"id": "1", "address": "@x", "message": "x" * 5001}, "message"),
        ({"address": "@x", "message": "Hi"}, "id"),
    ],
)
async def test_a_body_that_is_no_message_says_why(desk: Desk, content: Any, word: str) -> None:
    answer = await desk.hook(content)

    assert (answer.status_code, answer.json()["error"]) == (422, "validation_error")
    assert word in answer.json()["message"]


FIELDS = st.sampled_from(
    ["id", "address", "message", "first_name", "last_name", "sent_at", "type", "data"]
)
NEARLY = st.sampled_from(["+905550000001", "2026-11-23T13:59:58+02:00", "a\0b", " ", 2**63, [[]]])
BODIES = st.one_of(
    st.binary(max_size=60),
    json_values.map(as_json),
    st.dictionaries(FIELDS, NEARLY | json_values, max_size=8).map(
        lambda odd: as_json({"id": "1", "address": "@x", "message": "Hi"} | odd)
    ),
)


@given(body=BODIES)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_is_signed_is_answered_and_never_with_a_fault_of_ours(
    busy: Desk, body: bytes
) -> None:
    answer = await busy.pass_on(body)

    assert answer.status_code in {200, 422}, answer.text
    assert answer.json().keys() == (
        {"success", "data"} if answer.status_code == 200 else {"error", "message"}
    )


async def test_a_body_that_is_too_large_is_refused(desk: Desk) -> None:
    answer = await desk.hook({"id": "1", "address": "@x", "message": "x" * 200_000})

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/hooks/channels/1", 405),
        ("POST", "/hooks/channels/1", 401),
        ("POST", "/hooks/channels/0", 404),
        ("POST", "/hooks/channels/01", 404),
        ("POST", "/hooks/channels/1/", 404),
        ("POST", "/hooks/channels/99999999999999999999", 404),
        ("POST", "/hooks/channels/", 404),
    ],
)
async def test_what_is_no_webhook_is_refused(
    clinic: Clinic, method: str, path: str, status: int
) -> None:
    async with clinic.world.browser() as client:
        answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert {"request-id", "x-ratelimit-limit"} <= {*answer.headers}


async def test_a_channel_that_is_switched_off_takes_nothing(desk: Desk) -> None:
    def switch_off(unit: Unit) -> None:
        unit._transaction.run(  # type: ignore[attr-defined]
            "UPDATE channels SET is_active = 0 WHERE channel_id = :id", id=desk.channel_id
        )

    await desk.clinic.parts.store.write(switch_off)

    answer = await desk.hook({"id": "1", "address": "@x", "message": "Hi"})

    assert answer.status_code == 409
