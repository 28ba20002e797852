"""Conversations and messages are kept alike on every engine; none is lost, none counted twice."""

from dataclasses import replace

from flextell.store.port import Store, Unit
from flextell.tenants.agent import Agent
from flextell.tenants.blacklists import BlockTerms
from flextell.tenants.conversations import (
    Conversation,
    ConversationFilters,
    ConversationQuery,
    LastMessage,
    OnChannel,
    WithCustomer,
    filters,
)
from flextell.tenants.messages import Draft, Message
from flextell.tenants.model import CustomerDetails, Named
from flextell.tenants.paging import Found, Window
from tests.store.samples import NOON
from tests.store.talk import ADA_PHONE, MANY, Talk, a_channel, begin, overlapping, say, together


def there(unit: Unit, talk: Talk, now: int = NOON) -> Conversation:
    """The conversation with Ada."""
    found = unit.conversations.get(talk.tenant_id, talk.conversation_id, now)
    assert found is not None
    return found


def listed(unit: Unit, talk: Talk, window: Window | None = None) -> Found[Message]:
    """A part of what was said to Ada."""
    return unit.messages.find(talk.tenant_id, talk.conversation_id, window or Window())


def test_a_new_conversation_is_empty_and_its_agent_is_on(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)

        assert there(unit, talk) == Conversation(
            conversation_id=talk.conversation_id,
            tenant_id=talk.tenant_id,
            address=ADA_PHONE,
            channel=OnChannel(talk.channel_id, "Reception", "whatsapp", "+902120000000"),
            customer=WithCustomer(talk.customer_id, "Ada", "Çelik", ADA_PHONE, None),
            last=None,
            messages=0,
            unread=0,
            active_at=NOON,
        )
        assert listed(unit, talk) == Found((), None, 0)

    common_store.at_once(work)


def test_a_message_is_counted_and_shown_as_the_last_in_the_unit_that_keeps_it(
    common_store: Store,
) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        asked = say(unit, talk, Draft("When?", None, external_id="wamid.1"), NOON + 5)
        assert asked is not None
        answered = say(unit, talk, Draft("At three.", talk.bob, quoted_id=asked), NOON + 9)
        assert answered is not None

        after = there(unit, talk)
        assert (after.messages, after.unread, after.active_at) == (2, 1, NOON + 9)
        assert after.last == LastMessage(answered, "text", "At three.", False, NOON + 9)
        newest, oldest = listed(unit, talk).rows
        assert oldest == Message(
            *(asked, talk.conversation_id, "text", "When?", None, None, None, None, NOON + 5),
            external_id="wamid.1",
        )
        assert newest == Message(
            answered,
            talk.conversation_id,
            "text",
            "At three.",
            Named(talk.bob, "Bob"),
            "When?",
            None,
            None,
            NOON + 9,
        )

    common_store.at_once(work)


def test_a_message_that_comes_again_is_kept_once(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        first = say(unit, talk, Draft("Hi", None, external_id="wamid.1"))

        assert first is not None
        assert say(unit, talk, Draft("Hi", None, external_id="wamid.1")) is None
        assert say(unit, talk, Draft("Hi", None, external_id="wamid.2")) is not None
        assert say(unit, talk, Draft("Hi", None)) is not None
        assert say(unit, talk, Draft("Hi", None)) is not None
        after = there(unit, talk)
        assert (after.messages, after.unread) == (4, 4)

    common_store.at_once(work)


def test_reading_marks_what_the_customer_wrote(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        say(unit, talk, Draft("One", None))
        say(unit, talk, Draft("Two", talk.bob))
        unit.conversations.mark_read(talk.tenant_id, talk.conversation_id, NOON + 60)
        say(unit, talk, Draft("Three", None))

        assert there(unit, talk).unread == 1
        assert [message.read_at for message in listed(unit, talk).rows] == [None, None, NOON + 60]

    common_store.at_once(work)


def test_an_edited_and_a_deleted_message_show_in_the_list_and_as_the_last(
    common_store: Store,
) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        first = say(unit, talk, Draft("At three.", talk.bob))
        say(unit, talk, Draft("See you.", talk.bob, quoted_id=first))
        second, told = listed(unit, talk).rows
        unit.messages.edit(told, talk.tenant_id, "At four.", talk.bob, NOON + 5)
        assert listed(unit, talk).rows[0].quoted_text == "At four."
        unit.messages.delete(told, talk.tenant_id, talk.bob, NOON + 6)
        unit.messages.delete(second, talk.tenant_id, talk.bob, NOON + 7)
        unit.messages.edit(second, talk.tenant_id, "Too late.", talk.bob, NOON + 8)

        edited = unit.messages.get(talk.tenant_id, talk.conversation_id, told.message_id)
        assert edited is not None
        assert (edited.text, edited.edited_at, edited.edited_by) == ("At four.", NOON + 5, "Bob")
        assert (edited.deleted_at, edited.deleted_by) == (NOON + 6, "Bob")
        last = listed(unit, talk).rows[0]
        assert (last.text, last.edited_at, last.quoted_text) == ("See you.", None, None)
        after = there(unit, talk)
        assert after.messages == 2
        assert after.last == LastMessage(second.message_id, "text", None, False, NOON)

    common_store.at_once(work)


def test_a_walk_through_a_conversation_is_the_whole_of_it(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk, other = begin(unit), begin(unit)
        for number in range(7):
            say(unit, talk, Draft(f"{number}", None))
            say(unit, other, Draft("elsewhere", None))

        texts: list[str | None] = []
        window = Window(3, None)
        while True:
            part = listed(unit, talk, window)
            assert part.total == 7
            texts += [message.text for message in part.rows]
            if part.next is None:
                break
            window = replace(window, after=part.next)
        assert texts == ["6", "5", "4", "3", "2", "1", "0"]
        third = listed(unit, talk, Window(3, 3))
        assert ([message.text for message in third.rows], third.next) == (["0"], None)

    common_store.at_once(work)


def test_conversations_are_found_by_name_address_and_channel_newest_first(
    common_store: Store,
) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        begin(unit)
        telegram = a_channel(unit, talk.tenant_id, "telegram")
        zoe = unit.customers.add(talk.tenant_id, CustomerDetails("Zoë", "", ""), NOON)
        with_zoe = unit.conversations.add(talk.tenant_id, telegram, "@Zoe_1", zoe, NOON + 1)

        def found(wanted: ConversationFilters) -> list[int]:
            query = ConversationQuery(wanted)
            rows = unit.conversations.find(talk.tenant_id, query, NOON).rows
            return [row.conversation_id for row in rows]

        assert found(filters(None, None)) == [with_zoe, talk.conversation_id]
        assert found(filters("ÇELIK", None)) == [talk.conversation_id]
        assert found(filters("zoe_", None)) == [with_zoe]
        assert found(filters("ZOE", None)) == [with_zoe]
        assert found(filters("5551", None)) == [talk.conversation_id]
        assert found(filters("%", None)) == []
        assert found(filters(None, "telegram")) == [with_zoe]
        assert found(filters("ada", "telegram")) == []
        say(unit, talk, Draft("I am back.", None), NOON + 2)
        assert found(filters(None, None)) == [talk.conversation_id, with_zoe]

    common_store.at_once(work)


def test_an_agent_is_off_until_its_time_is_over(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        off = Agent(True, NOON + 60, Named(talk.bob, "Bob"))
        unit.conversations.set_agent(talk.tenant_id, talk.conversation_id, off)

        assert there(unit, talk, NOON + 59).agent == off
        assert there(unit, talk, NOON + 60).agent == Agent()
        found = unit.conversations.find(talk.tenant_id, ConversationQuery(), NOON)
        assert found.rows[0].agent == off
        unit.conversations.set_agent(talk.tenant_id, talk.conversation_id, Agent())
        assert there(unit, talk).agent == Agent()

    common_store.at_once(work)


def test_a_conversation_shows_the_block_that_is_in_force(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        terms = BlockTerms("manual", expires_at=NOON + 60)
        block_id = unit.blacklists.add(
            talk.tenant_id, talk.channel_id, talk.customer_id, terms, NOON
        )

        block = there(unit, talk, NOON + 59).block
        assert block is not None
        assert block == unit.blacklists.get(talk.tenant_id, block_id)
        assert there(unit, talk, NOON + 60).block is None

    common_store.at_once(work)


def test_no_verb_reaches_into_another_tenant(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk, theirs = begin(unit), begin(unit)
        said = say(unit, theirs, Draft("Secret", theirs.bob))
        assert said is not None
        secret = unit.messages.get(theirs.tenant_id, theirs.conversation_id, said)
        assert secret is not None
        before = there(unit, theirs)

        ours, there_id = talk.tenant_id, theirs.conversation_id
        assert unit.conversations.get(ours, there_id, NOON) is None
        assert unit.conversations.hold(ours, there_id, NOON) is None
        assert unit.conversations.at(ours, theirs.channel_id, ADA_PHONE) is None
        assert unit.conversations.add(ours, theirs.channel_id, "x", talk.customer_id, NOON) is None
        assert unit.conversations.add(ours, talk.channel_id, "x", theirs.customer_id, NOON) is None
        assert unit.messages.get(ours, there_id, said) is None
        assert unit.messages.get(ours, talk.conversation_id, said) is None
        assert unit.messages.find(ours, there_id, Window()) == Found((), None, 0)
        assert unit.customers.by_phone_number(ours, "+1") is None
        unit.conversations.set_agent(ours, there_id, Agent(True))
        unit.conversations.mark_read(ours, there_id, NOON)
        unit.messages.edit(secret, ours, "Changed", talk.bob, NOON)
        unit.messages.delete(secret, ours, talk.bob, NOON)

        assert there(unit, theirs) == before
        assert listed(unit, theirs).rows == (secret,)

    common_store.at_once(work)


def test_a_customer_is_found_by_phone_number_unless_deleted(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        unit.customers.add(talk.tenant_id, CustomerDetails("Ada", "Again", ADA_PHONE), NOON)

        assert unit.customers.by_phone_number(talk.tenant_id, ADA_PHONE) == talk.customer_id
        unit.customers.delete(talk.tenant_id, talk.customer_id, NOON)
        found = unit.customers.by_phone_number(talk.tenant_id, ADA_PHONE)
        assert found not in (None, talk.customer_id)

    common_store.at_once(work)


def test_of_many_who_begin_one_conversation_one_does(common_store: Store) -> None:
    talk = common_store.at_once(begin)

    made = together(
        common_store,
        lambda unit, _: unit.conversations.add(
            talk.tenant_id, talk.channel_id, "@ada", talk.customer_id, NOON
        ),
    )

    assert len([number for number in made if number is not None]) == 1


def test_messages_that_come_at_the_same_moment_are_all_counted(common_store: Store) -> None:
    talk = common_store.at_once(begin)

    said = together(common_store, lambda unit, number: say(unit, talk, Draft(f"{number}", None)))

    after = common_store.at_once(lambda unit: there(unit, talk))
    assert (after.messages, after.unread) == (MANY, MANY)
    assert after.last is not None
    assert after.last.message_id == max(number for number in said if number is not None)


def test_of_many_copies_of_one_message_one_is_kept(common_store: Store) -> None:
    talk = common_store.at_once(begin)

    said = together(
        common_store, lambda unit, _: say(unit, talk, Draft("Hi", None, external_id="wamid.1"))
    )

    assert len([number for number in said if number is not None]) == 1
    assert common_store.at_once(lambda unit: there(unit, talk)).messages == 1


def test_whoever_holds_a_conversation_is_waited_for(common_store: Store) -> None:
    talk = common_store.at_once(begin)

    def say_and_count(unit: Unit) -> int:
        held = unit.conversations.hold(talk.tenant_id, talk.conversation_id, NOON)
        assert held is not None
        say(unit, talk, Draft("Hi", None))
        return held.messages

    assert overlapping(common_store, say_and_count, say_and_count) == [0, 1]
