"""Conversations and messages through the API (wire §a.2, §a.3, §e 24, §e 36)."""

import asyncio
from typing import Any

import pytest
from httpx2 import Response
from pydantic import TypeAdapter

from flextell.api.routes import TABLE
from flextell.api.row import Row
from tests.api.conftest import Clinic
from tests.api.desk import BLOCKS, CONVERSATIONS, PATHS, SCOPES, Desk, new_phone, open_desk
from tests.api.test_customers import keys
from tests.world import ISSUER, NOON

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
NOON_TEXT = "2026-11-23T12:00:00Z"


@pytest.fixture
async def desk(clinic: Clinic) -> Desk:
    """A channel of this test's own."""
    return await open_desk(clinic)


async def test_a_conversation_has_every_documented_field(desk: Desk) -> None:
    phone = new_phone()
    answer = await desk.ask(
        "POST",
        CONVERSATIONS,
        {"channel_id": desk.channel_id, "address": phone, "first_name": "Mina"},
    )

    assert answer.status_code == 201
    made = answer.json()["data"]
    assert answer.headers["location"] == f"{ISSUER}{CONVERSATIONS}/{made['id']}"
    assert (await desk.done("GET", f"{CONVERSATIONS}/{made['id']}")) == made
    assert made.pop("id") > 0
    assert made["customer"].pop("id") > 0
    assert made == {
        "display_name": "Mina",
        "address": phone,
        "last_message_id": None,
        "last_message": None,
        "last_message_at": None,
        "last_message_type": None,
        "last_message_is_customer": None,
        "unread_count": "0",
        "agent_disabled": False,
        "agent_expires_at": None,
        "agent_disabled_by_user_name": None,
        "customer": {
            "first_name": "Mina",
            "last_name": "",
            "phone_number": phone,
            "avatar_url": None,
        },
        "channel": {
            "id": desk.channel_id,
            "name": "Reception",
            "type": "whatsapp",
            "address": "+902120000000",
        },
        "blacklist": None,
    }


async def test_a_known_customer_is_recognised_by_the_phone_number(desk: Desk) -> None:
    path = await desk.begin("+90 555 123 45 67")

    shown = await desk.done("GET", path)

    assert shown["address"] == "+905551234567"
    assert shown["display_name"] == "Ada Çelik"
    assert shown["customer"]["id"] == desk.clinic.ids.ada


async def test_there_is_one_conversation_for_an_address_on_a_channel(desk: Desk) -> None:
    phone = new_phone()
    await desk.begin(phone)
    other = await open_desk(desk.clinic)

    again = await desk.ask(
        "POST", CONVERSATIONS, {"channel_id": desk.channel_id, "address": f" {phone} "}
    )
    await other.begin(phone)

    assert (again.status_code, again.json()["error"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"channel_id": 10**9}, 422, "channel_id"),
        ({"channel_id": None}, 400, "channel_id"),
        ({"address": " "}, 422, "address"),
        ({"address": ""}, 422, "address"),
        ({"address": "x" * 256}, 422, "address"),
        ({"first_name": "x" * 256}, 422, "first_name"),
    ],
)
async def test_a_conversation_that_cannot_be_says_why(
    desk: Desk, change: dict[str, Any], status: int, word: str
) -> None:
    body = {"channel_id": desk.channel_id, "address": new_phone()} | change

    answer = await desk.ask("POST", CONVERSATIONS, body)

    assert answer.status_code == status
    assert word in answer.json()["message"]


async def test_a_sent_message_is_kept_counted_and_told_to_the_webhook(desk: Desk) -> None:
    path = await desk.begin("@ada", first_name="Ada")

    sent = await desk.done("POST", f"{path}/messages", {"message": "At three."}, 201)

    number = sent["id"]
    conversation_id = path.rpartition("/")[2]
    assert sent == {
        "id": number,
        "status": "queued",
        "message_id": str(number),
        "conversation_id": conversation_id,
    }
    (shown,) = await desk.done("GET", f"{path}/messages")
    alice = shown.pop("user_id")
    assert isinstance(alice, int)
    assert shown == {
        "id": number,
        "conversation_id": int(conversation_id),
        "user_name": "Alice",
        "is_customer": False,
        "message_type": "text",
        "message": "At three.",
        "quoted_text": None,
        "is_deleted": False,
        "is_edited": False,
        "edited_by_user_name": None,
        "deleted_by_user_name": None,
        "read_at": None,
        "metadata": None,
        "created_at": NOON_TEXT,
        "file": None,
        "file_temporary_url": None,
    }
    conversation = await desk.done("GET", path)
    assert conversation["last_message_id"] == str(number)
    assert conversation["last_message"] == "At three."
    assert conversation["last_message_at"] == NOON_TEXT
    assert conversation["last_message_is_customer"] is False
    assert conversation["unread_count"] == "0"
    assert await desk.told() == [
        {
            "type": "message.created",
            "timestamp": NOON_TEXT,
            "data": {
                "channel_id": desk.channel_id,
                "conversation_id": int(conversation_id),
                "address": "@ada",
                "message_id": number,
                "message_type": "text",
                "message": "At three.",
                "quoted": None,
                "file": None,
            },
        }
    ]


async def test_a_channel_without_a_webhook_keeps_what_is_sent(clinic: Clinic) -> None:
    desk = await open_desk(clinic, webhook_url=None)
    path = await desk.begin()

    sent = await desk.done("POST", f"{path}/messages", {"message": "Hello"}, 201)

    assert sent["status"] == "stored"
    assert await desk.told() == []


async def test_a_message_is_sent_once_however_often_it_comes_with_one_key(desk: Desk) -> None:
    path = await desk.begin()
    body = {"message": "At three."}

    answers = await asyncio.gather(
        *(desk.ask("POST", f"{path}/messages", body, idempotency_key="three") for _ in range(4))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["data"]["message_id"] for answer in answers}) == 1
    assert len(await desk.told()) == 1


async def test_messages_quote_those_of_their_own_conversation_alone(desk: Desk) -> None:
    phone = new_phone()
    assert await desk.write(phone, "When?", id="wamid.When") == "kept"
    (row,) = await desk.done("GET", f"{CONVERSATIONS}?search={phone[1:]}")
    path = f"{CONVERSATIONS}/{row['id']}"
    (asked,) = await desk.done("GET", f"{path}/messages")
    elsewhere = await desk.say(await desk.begin(), "Elsewhere")

    await desk.say(path, "At three.", quoted_message_id=asked["id"])
    foreign = await desk.ask(
        "POST",
        f"{path}/messages",
        {"message": "x", "quoted_message_id": int(elsewhere.rpartition("/")[2])},
    )

    newest, _ = await desk.done("GET", f"{path}/messages")
    assert newest["quoted_text"] == "When?"
    assert foreign.status_code == 422
    assert "quoted_message_id" in foreign.json()["message"]
    quoted = [one["data"]["quoted"] for one in await desk.told()]
    assert {"message_id": asked["id"], "id": "wamid.When"} in quoted


async def test_a_conversation_is_read_by_saying_so_and_by_nothing_else(desk: Desk) -> None:
    phone = new_phone()
    await desk.write(phone, "One")
    await desk.write(phone, "Two")
    (row,) = await desk.done("GET", f"{CONVERSATIONS}?search={phone[1:]}")
    path = f"{CONVERSATIONS}/{row['id']}"
    await desk.done("GET", f"{path}/messages")

    before = await desk.done("GET", path)
    await desk.done("POST", f"{path}/read")
    after = await desk.done("GET", path)

    assert (before["unread_count"], after["unread_count"]) == ("2", "0")
    assert before["last_message_is_customer"] is True
    read = [message["read_at"] for message in await desk.done("GET", f"{path}/messages")]
    assert read == [NOON_TEXT, NOON_TEXT]


async def test_our_own_message_can_be_changed_and_taken_back(desk: Desk) -> None:
    path = await desk.begin()
    message = await desk.say(path, "At three.")

    edited = await desk.done("PUT", message, {"message": "At four."})
    deleted = await desk.done("DELETE", message)

    assert (edited["message"], edited["is_edited"]) == ("At four.", True)
    assert edited["edited_by_user_name"] == "Alice"
    assert deleted == {"message": "The message was deleted."}
    shown = await desk.done("GET", message)
    assert (shown["message"], shown["is_deleted"]) == (None, True)
    assert shown["deleted_by_user_name"] == "Alice"
    assert (await desk.done("GET", path))["last_message"] is None
    for method in ("PUT", "DELETE"):
        assert (await desk.ask(method, message, {"message": "x"})).status_code == 404
    told = await desk.told()
    assert [one["type"] for one in told] == [
        "message.created",
        "message.edited",
        "message.deleted",
    ]
    assert told[1]["data"]["message"] == "At four."
    assert "message" not in told[2]["data"]


async def test_a_message_that_changed_meanwhile_is_not_overwritten(desk: Desk) -> None:
    """RFC 9110 §13.1.1."""
    message = await desk.say(await desk.begin(), "At three.")
    tag = (await desk.ask("GET", message)).headers["etag"]

    first = await desk.ask("PUT", message, {"message": "At four."}, if_match=tag)
    second = await desk.ask("PUT", message, {"message": "At five."}, if_match=tag)

    assert (first.status_code, second.status_code) == (200, 412)


async def test_what_the_customer_wrote_stays_as_it_is(desk: Desk) -> None:
    phone = new_phone()
    await desk.write(phone, "Is Monday free?")
    (row,) = await desk.done("GET", f"{CONVERSATIONS}?search={phone[1:]}")
    message = f"{CONVERSATIONS}/{row['id']}/messages/{row['last_message_id']}"

    answers = [await desk.ask(method, message, {"message": "x"}) for method in ("PUT", "DELETE")]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert (await desk.done("GET", message))["message"] == "Is Monday free?"


@pytest.mark.parametrize(
    ("text", "status"), [("x" * 5000, 201), ("x" * 5001, 422), ("", 422), (None, 400), (7, 400)]
)
async def test_a_message_has_one_to_5000_characters(desk: Desk, text: Any, status: int) -> None:
    path = await desk.begin()

    answer = await desk.ask("POST", f"{path}/messages", {"message": text})

    assert answer.status_code == status


async def test_a_file_is_sent_with_its_text(desk: Desk) -> None:
    path = await desk.begin()
    told = {"authorization": f"Bearer {desk.clinic.token(scope=SCOPES)}"}
    files = {"file": ("x-ray.png", PNG, "image/png")}

    answer = await desk.clinic.client.post(
        f"{path}/messages/media", data={"message": "Look."}, files=files, headers=told
    )

    assert answer.status_code == 201, answer.text
    (shown,) = await desk.done("GET", f"{path}/messages")
    assert (shown["message"], shown["message_type"]) == ("Look.", "image")
    assert shown["file"]["name"] == "x-ray.png"
    assert shown["file"]["fileable_type"] == "chat_log"
    assert shown["file"]["fileable_id"] == shown["id"]
    assert shown["file_temporary_url"] == shown["file"]["temporary_url"]
    (one,) = await desk.told()
    assert one["data"]["file"]["mime_type"] == "image/png"
    assert one["data"]["file"]["size"] == len(PNG)
    async with desk.clinic.world.browser() as browser:
        download = await browser.get(one["data"]["file"]["url"])
    assert download.content == PNG
    await desk.done("DELETE", f"{path}/messages/{shown['id']}")
    (gone,) = await desk.done("GET", f"{path}/messages")
    assert (gone["file"], gone["file_temporary_url"]) == (None, None)


async def test_both_ways_of_paging_walk_through_a_conversation(desk: Desk) -> None:
    path = await desk.begin()
    for number in range(5):
        await desk.say(path, f"{number}")

    pages = [await desk.ask("GET", f"{path}/messages?per_page=2&page={n}") for n in (1, 2, 3)]
    texts, cursor = [], ""
    while True:
        part = (await desk.ask("GET", f"{path}/messages?limit=2{cursor}")).json()
        texts += [message["message"] for message in part["data"]]
        if part["meta"]["cursor"] is None:
            break
        cursor = f"&cursor={part['meta']['cursor']}"

    assert texts == ["4", "3", "2", "1", "0"]
    by_page = [message["message"] for page in pages for message in page.json()["data"]]
    assert by_page == texts
    assert {page.json()["meta"]["total"] for page in pages} == {5}


async def test_conversations_are_found_and_sorted_by_their_last_message(own_clinic: Clinic) -> None:
    desk = await open_desk(own_clinic)
    with_zoe = await desk.begin("@zoe", first_name="Zoë")
    with_ada = await desk.begin("+905551234567")
    own_clinic.world.clock.advance(60)
    await desk.say(with_zoe, "Hello")

    async def found(query: str) -> list[str]:
        return [
            f"{CONVERSATIONS}/{one['id']}"
            for one in await desk.done("GET", f"{CONVERSATIONS}?{query}")
        ]

    assert await found("") == [with_zoe, with_ada]
    assert await found("search=ZOE") == [with_zoe]
    assert await found("search=celik") == [with_ada]
    assert await found("channel_type=telegram") == []
    assert await found("channel_type=whatsapp&limit=1") == [with_zoe]
    assert (await desk.ask("GET", f"{CONVERSATIONS}?channel_type=pigeon")).status_code == 422


async def test_the_agent_is_off_for_as_long_as_was_said(own_clinic: Clinic) -> None:
    desk = await open_desk(own_clinic)
    path = await desk.begin()
    clock = own_clinic.world.clock

    before = await desk.done("GET", f"{path}/agent")
    said = await desk.done("POST", f"{path}/agent/disable", {"duration_minutes": 10})
    clock.advance(30)
    off = await desk.done("GET", f"{path}/agent")
    clock.advance(10 * 60)
    after = await desk.done("GET", f"{path}/agent")
    await desk.done("POST", f"{path}/agent/disable")
    for_good = await desk.done("GET", f"{path}/agent")
    await desk.done("POST", f"{path}/agent/enable")

    assert said == {"message": "The agent was disabled."}
    assert off == {
        "agent_disabled": True,
        "agent_expires_at": "2026-11-23T12:10:00Z",
        "agent_disabled_by_user_name": "Alice",
        "remaining_minutes": "10",
    }
    assert (for_good["agent_disabled"], for_good["remaining_minutes"]) == (True, None)
    on = dict.fromkeys(off) | {"agent_disabled": False}
    assert before == after == on == await desk.done("GET", f"{path}/agent")
    assert clock.now - 10 * 60 - 30 == NOON


@pytest.mark.parametrize("minutes", [0, 525_601, -1])
async def test_the_agent_is_off_for_a_minute_to_a_year(desk: Desk, minutes: int) -> None:
    path = await desk.begin()

    answer = await desk.ask("POST", f"{path}/agent/disable", {"duration_minutes": minutes})

    assert answer.status_code == 422


async def test_channels_are_shown_without_their_secrets(desk: Desk) -> None:
    path = f"/api/v1/channels/{desk.channel_id}"

    shown = await desk.done("GET", path)
    listed = await desk.done("GET", "/api/v1/channels?per_page=100&type=whatsapp")

    assert shown in listed
    assert shown == {
        "id": desk.channel_id,
        "name": "Reception",
        "type": "whatsapp",
        "address": "+902120000000",
        "is_active": True,
        "created_at": NOON_TEXT,
        "updated_at": NOON_TEXT,
    }
    assert (await desk.ask("GET", "/api/v1/channels/999999")).status_code == 404


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if row.method == "GET" and row.path.startswith(PATHS)],
    ids=lambda row: row.path,
)
async def test_answers_are_what_the_table_says_they_are(desk: Desk, row: Row) -> None:
    """The types in the table are what the OpenAPI document is made of."""
    path = await desk.begin()
    message = await desk.say(path, "At three.")
    await desk.done("PUT", f"{path}/ai-suggestion", {"original_text": "At four."})
    customer_id = (await desk.done("GET", path))["customer"]["id"]
    body = {"channel_id": desk.channel_id, "customer_id": customer_id, "reason": "manual"}
    block = await desk.done("POST", BLOCKS, body, 201)
    ids = {
        "/v1/conversations": path.rpartition("/")[2],
        "/v1/channels": desk.channel_id,
        "/v1/channel-blacklists": block["id"],
    }
    thing = "/".join(row.path.split("/")[:3])
    names = {"id": ids[thing], "message_id": message.rpartition("/")[2]}

    answer = await desk.ask("GET", "/api" + row.path.format(**names))

    assert answer.status_code == 200
    typed = TypeAdapter(row.returns).validate_json(answer.content)
    assert keys(typed) == keys(answer.json())


async def test_a_customer_prefers_a_channel_of_the_business(desk: Desk) -> None:
    names = {"first_name": "Rosa", "last_name": "Bell", "phone_number": new_phone()}
    token = desk.clinic.token(scope="customers:write")

    async def create(channel_id: int) -> Response:
        return await desk.clinic.client.post(
            "/api/v1/customers",
            json={**names, "default_channel_id": channel_id},
            headers={"authorization": f"Bearer {token}"},
        )

    ours, nobodys = await create(desk.channel_id), await create(10**9)

    assert ours.json()["data"]["default_channel_id"] == desk.channel_id
    assert (nobodys.status_code, nobodys.json()["error"]) == (422, "validation_error")


async def test_another_tenant_cannot_reach_a_conversation(desk: Desk) -> None:
    path = await desk.begin()
    message = await desk.say(path, "Secret")
    bob = desk.clinic.token("sub-bob", scope=SCOPES, grant_id="grant-bob")
    headers = {"authorization": f"Bearer {bob}", "x-tenant": str(desk.clinic.ids.golden_horn)}

    answers = [
        await desk.clinic.client.get(one, headers=headers)
        for one in (path, message, f"{path}/messages", f"{path}/agent", f"{path}/ai-suggestion")
    ]

    assert {answer.status_code for answer in answers} == {404}


async def test_who_may_only_look_cannot_send(desk: Desk) -> None:
    """Wire §e 33: Bob is a viewer in the Golden Horn Clinic, though his app may write."""
    bob = desk.clinic.token("sub-bob", scope=SCOPES, grant_id="grant-bob")
    headers = {"authorization": f"Bearer {bob}", "x-tenant": str(desk.clinic.ids.golden_horn)}

    listed = await desk.clinic.client.get(CONVERSATIONS, headers=headers)
    sent = await desk.clinic.client.post(
        CONVERSATIONS, headers=headers, json={"channel_id": 1, "address": "@x"}
    )

    assert (listed.status_code, sent.status_code) == (200, 403)
