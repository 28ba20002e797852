"""What a customer wrote, as the tenant's own server passes it on."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants.deliveries import body_of
from flextell.tenants.inbound import InboundMessage, InvalidMessage, receive
from flextell.tenants.webhooks import Secret, WrongSignature, signed_headers

NOON = 1_795_435_200
CLINIC = Secret(b"c" * 32)
MESSAGE = {"id": "wamid.1", "address": "+905551234567", "message": "Is Monday free?"}


def received(content: Any) -> InboundMessage:
    """What becomes of a body that is signed well."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return receive(signed_headers([CLINIC], "msg_1", NOON, body), body, [CLINIC], NOON)


def test_a_signed_message_is_taken() -> None:
    assert received(MESSAGE) == InboundMessage(
        "wamid.1", "+905551234567", "Is Monday free?", None, None, None
    )


def test_a_name_and_a_time_may_come_with_it() -> None:
    more = {"first_name": "Ada", "last_name": "", "sent_at": "2026-11-23T15:00:00+03:00"}
    taken = received(MESSAGE | more | {"anything": "else"})

    assert (taken.first_name, taken.last_name, taken.sent_at) == ("Ada", None, NOON)


def test_nothing_is_read_before_the_signature_is_right() -> None:
    with pytest.raises(WrongSignature):
        receive(signed_headers([CLINIC], "msg_1", NOON, b"{"), b"{", [Secret(b"x" * 32)], NOON)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        *(({name: None}, name) for name in MESSAGE),
        *(({name: ""}, name) for name in MESSAGE),
        *(({name: 1}, name) for name in MESSAGE),
        *(({name: "a\0b"}, name) for name in MESSAGE),
        ({"message": "a" * 5001}, "message"),
        ({"id": "a" * 256}, "id"),
        ({"address": "a" * 256}, "address"),
        ({"first_name": ["Ada"]}, "first_name"),
        ({"sent_at": "2026-11-23T15:00:00"}, "sent_at"),
        ({"sent_at": "yesterday"}, "sent_at"),
        ({"sent_at": 5}, "sent_at"),
        ({"sent_at": "0001-01-01T00:00:00+23:59"}, "sent_at"),
    ],
)
def test_what_is_no_message_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidMessage, match=f"member {named} "):
        received(MESSAGE | change)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"a"', b"\xff"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage, match="JSON"):
        received(body)


def test_a_webhook_of_ours_that_is_sent_back_is_no_message() -> None:
    """Both directions have one secret: nobody can reflect what we sent."""
    with pytest.raises(InvalidMessage, match="from us"):
        received(body_of("message.sent", MESSAGE, NOON).encode())


@given(st.dictionaries(st.sampled_from([*MESSAGE, "first_name", "sent_at"]), st.text(max_size=9)))
def test_any_texts_make_a_message_or_a_refusal(content: dict[str, str]) -> None:
    body = orjson.dumps({k: v.encode("utf-8", "ignore").decode() for k, v in content.items()})
    try:
        taken = received(body)
    except InvalidMessage:
        return
    assert taken.external_id
    assert taken.address
