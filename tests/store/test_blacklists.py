"""Blocks are kept alike on every engine, and a customer has one in force at most on a channel."""

import pytest

from flextell.store.port import Store, Unit
from flextell.tenants.blacklists import (
    Block,
    BlockedAlready,
    BlockFilters,
    BlockQuery,
    BlockTerms,
)
from flextell.tenants.model import OutsideTenant
from flextell.tenants.paging import Window
from tests.store.samples import NOON
from tests.store.talk import ADA_PHONE, Talk, a_channel, begin, overlapping, together


def block(unit: Unit, talk: Talk, terms: BlockTerms, now: int = NOON) -> Block:
    """Ada, blocked on the channel."""
    made = unit.blacklists.add(talk.tenant_id, talk.channel_id, talk.customer_id, terms, now)
    found = unit.blacklists.get(talk.tenant_id, made)
    assert found is not None
    return found


def test_a_block_is_kept_with_all_that_is_known_of_it(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        terms = BlockTerms("llm_spam", "Sells pills.", NOON + 60, metadata=({"score": 0.9}, "x"))

        made = block(unit, talk, terms)

        assert (made.terms, made.dropped, made.blocked_at) == (terms, 0, NOON)
        assert (made.channel.channel_id, made.channel.name) == (talk.channel_id, "Reception")
        assert (made.customer.first_name, made.customer.phone_number) == ("Ada", ADA_PHONE)
        unit.blacklists.count_dropped(talk.tenant_id, made.block_id)
        changed = BlockTerms("manual", None, None, metadata={"by": "Bob"})
        unit.blacklists.change(made, changed, NOON + 5)
        after = unit.blacklists.get(talk.tenant_id, made.block_id)
        assert after is not None
        assert (after.terms, after.dropped, after.updated_at) == (changed, 1, NOON + 5)

    common_store.at_once(work)


def test_a_second_block_waits_until_the_first_is_over_or_lifted(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        first = block(unit, talk, BlockTerms("manual", expires_at=NOON + 60))
        with pytest.raises(BlockedAlready):
            block(unit, talk, BlockTerms("manual"), NOON + 59)
        second = block(unit, talk, BlockTerms("manual"), NOON + 60)
        with pytest.raises(BlockedAlready):
            unit.blacklists.change(first, BlockTerms("manual", expires_at=None), NOON + 61)
        unit.blacklists.change(second, BlockTerms("manual", is_active=False), NOON + 62)
        unit.blacklists.change(first, BlockTerms("manual", expires_at=None), NOON + 63)
        elsewhere = a_channel(unit, talk.tenant_id)
        unit.blacklists.add(
            talk.tenant_id, elsewhere, talk.customer_id, BlockTerms("manual"), NOON + 64
        )

    common_store.at_once(work)


def test_blocks_are_listed_newest_first_and_by_what_is_asked(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        old = block(unit, talk, BlockTerms("rate_limit", expires_at=NOON + 60))
        new = block(unit, talk, BlockTerms("manual"), NOON + 60)

        def found(filters: BlockFilters, window: Window | None = None) -> list[int]:
            query = BlockQuery(filters, window or Window())
            return [row.block_id for row in unit.blacklists.find(talk.tenant_id, query).rows]

        assert found(BlockFilters()) == [new.block_id, old.block_id]
        assert found(BlockFilters(), Window(1, 2)) == [old.block_id]
        assert found(BlockFilters(reason="rate_limit")) == [old.block_id]
        assert found(BlockFilters(in_force_at=NOON + 60)) == [new.block_id]
        assert found(BlockFilters(customer_id=talk.customer_id + 1)) == []
        assert found(BlockFilters(channel_id=talk.channel_id, in_force_at=NOON)) == [
            new.block_id,
            old.block_id,
        ]

    common_store.at_once(work)


def test_no_block_reaches_into_another_tenant(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk, theirs = begin(unit), begin(unit)
        made = block(unit, theirs, BlockTerms("manual"))
        ours, terms = talk.tenant_id, BlockTerms("manual")

        assert unit.blacklists.get(ours, made.block_id) is None
        assert unit.blacklists.find(ours, BlockQuery()).rows == ()
        with pytest.raises(OutsideTenant):
            unit.blacklists.add(ours, theirs.channel_id, talk.customer_id, terms, NOON)
        with pytest.raises(OutsideTenant):
            unit.blacklists.add(ours, talk.channel_id, theirs.customer_id, terms, NOON)
        unit.blacklists.count_dropped(ours, made.block_id)
        assert unit.blacklists.get(theirs.tenant_id, made.block_id) == made

    common_store.at_once(work)


def attempt(unit: Unit, talk: Talk) -> bool:
    """Whether this unit is the one that blocks Ada."""
    try:
        block(unit, talk, BlockTerms("manual"))
    except BlockedAlready:
        return False
    return True


def test_of_many_who_block_at_the_same_moment_one_does(common_store: Store) -> None:
    talk = common_store.at_once(begin)

    assert together(common_store, lambda unit, _: attempt(unit, talk)).count(True) == 1


def test_whoever_blocks_a_customer_is_waited_for(common_store: Store) -> None:
    talk = common_store.at_once(begin)

    def work(unit: Unit) -> bool:
        return attempt(unit, talk)

    assert overlapping(common_store, work, work) == [True, False]
