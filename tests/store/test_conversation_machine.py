"""Whatever is said, changed, blocked and suggested: a conversation is what a plain list says."""

from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flextell.api.hooks import take_in
from flextell.store.port import Store, Unit
from flextell.tenants import agent, blacklists, conversations, suggestions
from flextell.tenants.blacklists import BlockedAlready, BlockTerms, CustomerBlocked
from flextell.tenants.conversations import Conversation
from flextell.tenants.inbound import InboundMessage
from flextell.tenants.messages import Draft
from flextell.tenants.model import Named
from flextell.tenants.paging import Window
from flextell.tenants.suggestions import SuggestionOver
from tests.store.samples import NOON
from tests.store.talk import ADA_PHONE, begin


@dataclass
class Said:
    """A message, as the plain list has it."""

    message_id: int
    text: str | None
    by_customer: bool


@dataclass
class Known:
    """What should be so."""

    said: list[Said] = field(default_factory=list)
    unread: int = 0
    off_until: float = 0
    blocked_until: float = 0
    dropped: int = 0
    pending: str | None = None
    ever_suggested: bool = False


class Talking(RuleBasedStateMachine):
    """Ada, Bob, an agent and a clock; every step is a unit of work."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.talk = self.store.at_once(begin)
        self.now = NOON
        self.known = Known()
        self.numbers = count()

    def held(self, unit: Unit) -> Conversation:
        found = unit.conversations.hold(self.talk.tenant_id, self.talk.conversation_id, self.now)
        assert found is not None
        return found

    @property
    def blocked(self) -> bool:
        return self.now < self.known.blocked_until

    @rule(seconds=st.integers(1, 90))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(copies=st.integers(1, 3))
    def the_customer_writes(self, copies: int) -> None:
        text = f"{next(self.numbers)}"
        message = InboundMessage(text, ADA_PHONE, text, None, None, None)

        def work(unit: Unit) -> str:
            channel = unit.channels.get(self.talk.tenant_id, self.talk.channel_id)
            assert channel is not None
            return take_in(unit, channel, message, self.now)

        fates = [self.store.at_once(work) for _ in range(copies)]
        if self.blocked:
            assert fates == ["dropped"] * copies
            self.known.dropped += copies
            return
        assert fates == ["kept"] + ["known"] * (copies - 1)
        self.known.said.append(Said(self.newest(), text, True))
        self.known.unread += 1

    def newest(self) -> int:
        last = self.store.at_once(self.held).last
        assert last is not None
        return last.message_id

    @rule()
    def we_write(self) -> None:
        text = f"{next(self.numbers)}"
        try:
            self.store.at_once(lambda unit: self.write(unit, text))
        except CustomerBlocked:
            assert self.blocked
            return
        assert not self.blocked
        self.known.said.append(Said(self.newest(), text, False))

    def write(self, unit: Unit, text: str) -> int:
        held = self.held(unit)
        conversations.check_sendable(held, self.now)
        draft = Draft(text, self.talk.bob)
        made = unit.messages.add(
            self.talk.tenant_id, held.conversation_id, self.talk.channel_id, draft, self.now
        )
        assert made is not None
        return made

    @precondition(lambda self: any(not one.by_customer for one in self.known.said))
    @rule(data=st.data(), delete=st.booleans())
    def we_change_what_we_wrote(self, data: st.DataObject, delete: bool) -> None:
        one = data.draw(st.sampled_from([one for one in self.known.said if not one.by_customer]))
        tenant_id, bob = self.talk.tenant_id, self.talk.bob

        def work(unit: Unit) -> None:
            self.held(unit)
            message = unit.messages.get(tenant_id, self.talk.conversation_id, one.message_id)
            assert message is not None
            if delete:
                unit.messages.delete(message, tenant_id, bob, self.now)
            else:
                unit.messages.edit(message, tenant_id, "edited", bob, self.now)

        self.store.at_once(work)
        if one.text is not None:
            one.text = None if delete else "edited"

    @rule()
    def we_read(self) -> None:
        def work(unit: Unit) -> None:
            self.held(unit)
            unit.conversations.mark_read(self.talk.tenant_id, self.talk.conversation_id, self.now)

        self.store.at_once(work)
        self.known.unread = 0

    @rule(minutes=st.none() | st.integers(1, 2))
    def the_agent_is_switched_off(self, minutes: int | None) -> None:
        off = agent.disabled(minutes, Named(self.talk.bob, "Bob"), self.now)
        self.store.at_once(
            lambda unit: unit.conversations.set_agent(
                self.talk.tenant_id, self.talk.conversation_id, off
            )
        )
        self.known.off_until = float("inf") if minutes is None else self.now + minutes * 60

    @rule(ttl=st.none() | st.integers(1, 120))
    def the_customer_is_blocked(self, ttl: int | None) -> None:
        terms = BlockTerms("manual", expires_at=blacklists.for_seconds(ttl, self.now))
        where = self.talk.tenant_id, self.talk.channel_id, self.talk.customer_id
        try:
            self.store.at_once(lambda unit: unit.blacklists.add(*where, terms, self.now))
        except BlockedAlready:
            assert self.blocked
            return
        assert not self.blocked
        self.known.blocked_until = float("inf") if ttl is None else self.now + ttl
        self.known.dropped = 0

    @precondition(lambda self: self.blocked)
    @rule()
    def the_block_is_lifted(self) -> None:
        def work(unit: Unit) -> None:
            block = self.held(unit).block
            assert block is not None
            lifted = blacklists.changed(block.terms, {"is_active": False})
            unit.blacklists.change(block, lifted, self.now)

        self.store.at_once(work)
        self.known.blocked_until = 0

    @rule()
    def the_ai_suggests(self) -> None:
        text = f"{next(self.numbers)}"

        def work(unit: Unit) -> None:
            last = self.held(unit).last
            unit.suggestions.put(
                self.talk.tenant_id,
                self.talk.conversation_id,
                suggestions.Draft(text),
                None if last is None else last.message_id,
                self.now,
            )

        self.store.at_once(work)
        self.known.pending, self.known.ever_suggested = text, True

    @precondition(lambda self: self.known.ever_suggested and not self.blocked)
    @rule()
    def we_send_what_it_suggests(self) -> None:
        def work(unit: Unit) -> str:
            self.held(unit)
            found = unit.suggestions.latest(self.talk.tenant_id, self.talk.conversation_id)
            assert found is not None
            text = suggestions.final_text(found, "suggestion_as_is", None)
            self.write(unit, text)
            assert unit.suggestions.close(
                self.talk.tenant_id, found.suggestion_id, "sent", self.now, final_text=text
            )
            return text

        try:
            sent = self.store.at_once(work)
        except SuggestionOver:
            assert self.known.pending is None
            return
        assert sent == self.known.pending
        self.known.said.append(Said(self.newest(), sent, False))
        self.known.pending = None

    @invariant()
    def it_is_what_the_list_says(self) -> None:
        def work(unit: Unit) -> None:
            there, known = self.held(unit), self.known
            assert (there.messages, there.unread) == (len(known.said), known.unread)
            last = known.said[-1] if known.said else None
            assert (there.last and (there.last.message_id, there.last.text)) == (
                last and (last.message_id, last.text)
            )
            assert there.agent.disabled == (self.now < known.off_until)
            assert (there.block and there.block.dropped) == (
                known.dropped if self.blocked else None
            )
            found = unit.messages.find(self.talk.tenant_id, self.talk.conversation_id, Window(100))
            shown = [
                Said(row.message_id, None if row.deleted_at else row.text, row.by_customer)
                for row in reversed(found.rows)
            ]
            assert shown == known.said

        self.store.at_once(work)


@pytest.fixture
def talking(common_store: Store) -> type[Talking]:
    """The machine on this engine."""
    return type("TalkingHere", (Talking,), {"store": common_store})


def test_a_conversation_is_what_a_plain_list_says(talking: type[Talking]) -> None:
    run_state_machine_as_test(
        talking,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
