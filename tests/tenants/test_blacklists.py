"""Blocks: when they are in force, and what a change leaves of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants import blacklists
from flextell.tenants.blacklists import LABELS, REASONS, BlockTerms
from flextell.tenants.refusals import Unfit

NOON = 1_795_435_200


def test_every_reason_has_a_label() -> None:
    assert set(LABELS) == set(REASONS)


@given(ttl=st.none() | st.integers(1, 10**8), later=st.integers(0, 2 * 10**8), active=st.booleans())
def test_a_block_is_in_force_while_it_is_active_and_its_time_is_not_over(
    ttl: int | None, later: int, active: bool
) -> None:
    terms = BlockTerms("manual", expires_at=blacklists.for_seconds(ttl, NOON), is_active=active)

    over = ttl is not None and later >= ttl
    assert blacklists.is_expired(terms, NOON + later) is over
    assert blacklists.in_force(terms, NOON + later) is (active and not over)
    left = blacklists.remaining_seconds(terms, NOON + later)
    assert left == (None if ttl is None else max(0, ttl - later))


def test_a_change_replaces_what_it_names_and_merges_metadata() -> None:
    terms = BlockTerms("manual", "Rude.", NOON + 60, metadata={"seen": 1, "by": "Bob"})

    changed = blacklists.changed(terms, {"expires_at": None, "metadata": {"seen": 2, "to": "x"}})

    assert changed == BlockTerms(
        "manual", "Rude.", None, metadata={"seen": 2, "by": "Bob", "to": "x"}
    )
    assert blacklists.changed(terms, {}) == terms


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.text(), JSON)
LISTS = st.lists(JSON).map(tuple)


@given(stored=OBJECTS | LISTS, sent=OBJECTS | LISTS)
def test_merged_metadata_holds_what_was_sent_and_what_else_was_there(
    stored: Any, sent: Any
) -> None:
    if stored and sent and type(stored) is not type(sent):
        with pytest.raises(Unfit, match="metadata"):
            blacklists.merged(stored, sent)
        return

    both = blacklists.merged(stored, sent)

    assert blacklists.merged(both, sent) == both
    if isinstance(both, dict):
        assert {**both, **dict(sent)} == both
    for item in (*stored, *sent):
        assert item in both
