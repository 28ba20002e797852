"""What the AI suggests, put there by its worker, sent or dropped by a person (wire §a.2, §a.3)."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Clinic
from tests.api.desk import Desk, open_desk

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(clinic: Clinic) -> Desk:
    """A channel of this test's own."""
    return await open_desk(clinic)


async def suggested(desk: Desk, path: str, text: str = "At three.", **more: Any) -> Any:
    """What the worker puts there."""
    return await desk.done("PUT", f"{path}/ai-suggestion", {"original_text": text, **more})


async def test_a_suggestion_has_every_documented_field(desk: Desk) -> None:
    path = await desk.begin()
    asked = int((await desk.say(path, "When?")).rpartition("/")[2])

    made = await suggested(
        desk, path, trigger_chat_log_ids=[asked, asked], pending_actions=[{"do": "book"}]
    )

    assert await desk.done("GET", f"{path}/ai-suggestion") == made
    assert made.pop("id") > 0
    assert made == {
        "conversation_id": int(path.rpartition("/")[2]),
        "original_text": "At three.",
        "final_text": None,
        "status": "pending",
        "rating": None,
        "pending_actions": [{"do": "book"}],
        "trigger_chat_log_ids": [asked],
        "has_new_messages": False,
        "sent_at": None,
        "created_at": "2026-11-23T12:00:00Z",
        "updated_at": "2026-11-23T12:00:00Z",
    }
    await desk.say(path, "Never mind.")
    assert (await desk.done("GET", f"{path}/ai-suggestion"))["has_new_messages"] is True


async def test_a_newer_suggestion_takes_the_place_of_the_pending_one(desk: Desk) -> None:
    path = await desk.begin()
    first = await suggested(desk, path)
    second = await suggested(desk, path, "At four.")

    shown = await desk.done("GET", f"{path}/ai-suggestion")

    assert shown == second
    assert second["id"] != first["id"]


async def test_a_suggestion_is_sent_as_it_is(desk: Desk) -> None:
    path = await desk.begin()
    await suggested(desk, path)

    sent = await desk.done(
        "POST", f"{path}/ai-suggestion/send", {"send_source": "suggestion_as_is"}
    )

    (message,) = await desk.done("GET", f"{path}/messages")
    assert sent["message_id"] == str(message["id"])
    assert (message["message"], message["user_name"]) == ("At three.", "Alice")
    assert (await desk.done("GET", f"{path}/agent"))["agent_disabled"] is False
    assert len(await desk.told()) == 1


async def test_who_sends_an_edited_suggestion_may_take_over(desk: Desk) -> None:
    path = await desk.begin()
    await suggested(desk, path)
    body = {"send_source": "suggestion_edited", "message": "At four.", "take_over_agent": True}

    await desk.done("POST", f"{path}/ai-suggestion/send", body)

    (message,) = await desk.done("GET", f"{path}/messages")
    assert message["message"] == "At four."
    agent = await desk.done("GET", f"{path}/agent")
    assert (agent["agent_disabled"], agent["agent_expires_at"]) == (True, None)
    assert agent["agent_disabled_by_user_name"] == "Alice"


async def test_of_many_who_send_a_suggestion_at_once_one_does(desk: Desk) -> None:
    path = await desk.begin()
    await suggested(desk, path)
    body = {"send_source": "suggestion_as_is"}

    answers = await asyncio.gather(
        *(desk.ask("POST", f"{path}/ai-suggestion/send", body) for _ in range(5))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert len(await desk.told()) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"send_source": "guess"}, 422),
        ({"send_source": "suggestion_edited"}, 422),
        ({"send_source": "suggestion_edited", "message": ""}, 422),
        ({"send_source": "suggestion_edited", "message": "x" * 4097}, 422),
        ({"send_source": "suggestion_as_is", "message": "Another"}, 422),
        ({"send_source": "suggestion_as_is", "take_over_agent": "yes"}, 400),
    ],
)
async def test_a_suggestion_that_cannot_be_sent_so_stays(
    desk: Desk, body: dict[str, Any], status: int
) -> None:
    path = await desk.begin()
    await suggested(desk, path)

    answer = await desk.ask("POST", f"{path}/ai-suggestion/send", body)

    assert answer.status_code == status
    assert (await desk.done("GET", f"{path}/ai-suggestion"))["status"] == "pending"
    assert await desk.done("GET", f"{path}/messages") == []


async def test_a_dropped_suggestion_is_gone(desk: Desk) -> None:
    path = await desk.begin()
    nothing = await desk.ask("GET", f"{path}/ai-suggestion")
    await suggested(desk, path)

    dropped = await desk.done("DELETE", f"{path}/ai-suggestion")
    after = await desk.ask("GET", f"{path}/ai-suggestion")
    again = await desk.ask("DELETE", f"{path}/ai-suggestion")
    sent = await desk.ask("POST", f"{path}/ai-suggestion/send", {"send_source": "suggestion_as_is"})

    assert dropped == {"message": "The suggestion was dismissed."}
    assert nothing.status_code == after.status_code == again.status_code == 404
    assert (sent.status_code, sent.json()["error"]) == (409, "conflict")


async def test_a_suggestion_answers_messages_of_its_own_conversation(desk: Desk) -> None:
    path, other = await desk.begin(), await desk.begin()
    elsewhere = int((await desk.say(other, "Elsewhere")).rpartition("/")[2])

    answer = await desk.ask(
        "PUT",
        f"{path}/ai-suggestion",
        {"original_text": "x", "trigger_chat_log_ids": [elsewhere]},
    )

    assert answer.status_code == 422
    assert "trigger_chat_log_ids" in answer.json()["message"]
