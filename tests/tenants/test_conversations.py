"""Who a conversation is with, and what may be said and changed in it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants import conversations, messages
from flextell.tenants.blacklists import (
    Block,
    BlockedChannel,
    BlockedCustomer,
    BlockTerms,
    CustomerBlocked,
)
from flextell.tenants.conversations import Conversation, OnChannel, WithCustomer
from flextell.tenants.messages import Message, NotOurs
from flextell.tenants.model import CustomerDetails, Named
from flextell.tenants.refusals import Unfit

NOON = 1_795_435_200
ADA = WithCustomer(3, "Ada", "Lovelace", "+905551234567", None)
WITH_ADA = Conversation(
    conversation_id=1,
    tenant_id=2,
    address="+905551234567",
    channel=OnChannel(4, "Reception", "whatsapp", "+902120000000"),
    customer=ADA,
    last=None,
    messages=0,
    unread=0,
    active_at=NOON,
)
BLOCK = Block(
    block_id=1,
    tenant_id=2,
    channel=BlockedChannel(4, "Reception", "+902120000000"),
    customer=BlockedCustomer(3, "Ada", "Lovelace", "+905551234567", None),
    terms=BlockTerms("manual", expires_at=NOON + 60),
    dropped=0,
    blocked_at=NOON,
    updated_at=NOON,
)
HELLO = Message(9, 1, "text", "Hello.", Named(7, "Bob"), "Hi?", None, None, NOON)


def test_a_conversation_is_called_by_the_customer_or_else_by_the_address() -> None:
    nameless = replace(WITH_ADA, customer=replace(ADA, first_name="", last_name=""))

    assert conversations.display_name(WITH_ADA) == "Ada Lovelace"
    assert conversations.display_name(nameless) == "+905551234567"


def test_nothing_is_sent_to_a_customer_while_they_are_blocked() -> None:
    blocked = replace(WITH_ADA, block=BLOCK)

    with pytest.raises(CustomerBlocked):
        conversations.check_sendable(blocked, NOON + 59)
    conversations.check_sendable(blocked, NOON + 60)
    conversations.check_sendable(WITH_ADA, NOON)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("+90 (555) 123-45.67", "+905551234567"),
        ("905551234567", "905551234567"),
        (" @ada ", "@ada"),
        ("1234", "1234"),
        ("visitor-5b1c", "visitor-5b1c"),
    ],
)
def test_an_address_has_one_form(written: str, kept: str) -> None:
    assert conversations.normalised(written) == kept


@pytest.mark.parametrize("blank", ["", " ", "\u2003"])
def test_an_address_is_not_blank(blank: str) -> None:
    with pytest.raises(Unfit, match="address"):
        conversations.normalised(blank)


@given(st.text(max_size=255).filter(str.strip))
def test_a_normalised_address_stays_as_it_is(address: str) -> None:
    once = conversations.normalised(address)

    assert conversations.normalised(once) == once


def test_a_newcomer_is_named_as_they_say_or_else_by_their_address() -> None:
    assert conversations.newcomer("+905551234567", "Ada", None) == CustomerDetails(
        "Ada", "", "+905551234567"
    )
    assert conversations.newcomer("@ada", None, None) == CustomerDetails("@ada", "", "")
    assert conversations.newcomer("@ada", None, "Lovelace") == CustomerDetails("", "Lovelace", "")


def test_only_our_own_messages_may_be_changed() -> None:
    messages.check_ours(HELLO)
    with pytest.raises(NotOurs):
        messages.check_ours(replace(HELLO, author=None))


def test_a_deleted_message_shows_no_text() -> None:
    assert messages.shown_text(HELLO) == "Hello."
    assert messages.shown_text(replace(HELLO, deleted_at=NOON)) is None


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", "image"),
        ("video/mp4", "video"),
        ("audio/ogg", "audio"),
        ("application/pdf", "document"),
        ("text/plain", "document"),
    ],
)
def test_a_message_with_a_file_is_called_after_its_media_type(media_type: str, kind: str) -> None:
    assert messages.kind_of(media_type) == kind
