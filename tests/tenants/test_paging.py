"""Cursors and windows (wire §e 2)."""

from base64 import urlsafe_b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants.model import LARGEST_ID
from flextell.tenants.paging import (
    After,
    Cursor,
    ForeignCursor,
    PagingMix,
    Window,
    decode,
    encode,
    window,
)

LIST = "customers/7"
MADE = {"list": LIST, "for": {"gender": "male"}, "value": None, "id": 3}

numbers = st.integers(-LARGEST_ID, LARGEST_ID)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255)
cursors = st.builds(
    Cursor,
    question=st.dictionaries(words, words | st.integers(0, 150) | st.booleans(), max_size=4),
    after=st.builds(After, value=st.none() | numbers | words, row_id=numbers),
)


def written(content: Any) -> str:
    """A cursor with any content."""
    return "cursor_" + urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


@given(cursors)
def test_a_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    text = encode(LIST, cursor)

    assert decode(LIST, text) == cursor
    assert text.removeprefix("cursor_").replace("-", "").replace("_", "").isalnum()


@given(cursors, words.filter(lambda name: name != LIST))
def test_a_cursor_of_another_list_is_foreign(cursor: Cursor, other: str) -> None:
    with pytest.raises(ForeignCursor):
        decode(LIST, encode(other, cursor))


@given(st.text(max_size=60) | st.text(max_size=60).map("cursor_".__add__))
def test_any_other_text_is_foreign(text: str) -> None:
    with pytest.raises(ForeignCursor):
        decode(LIST, text)


@pytest.mark.parametrize(
    "change",
    [
        {"id": True},
        {"id": "3"},
        {"id": 2**63},
        {"id": 2**64 - 1},
        {"id": None},
        {"value": 1.5},
        {"value": [1]},
        {"value": True},
        {"value": 2**64 - 1},
        {"value": "a\0"},
        {"for": "male"},
        {"for": None},
        {"list": None},
        {"more": 1},
    ],
)
def test_a_cursor_with_a_member_of_the_wrong_kind_is_foreign(change: dict[str, Any]) -> None:
    assert decode(LIST, written(MADE)) == Cursor({"gender": "male"}, After(None, 3))
    with pytest.raises(ForeignCursor):
        decode(LIST, written(MADE | change))


@pytest.mark.parametrize("content", [[], 1, None, "x", {}, {"list": LIST}])
def test_a_cursor_that_holds_something_else_is_foreign(content: Any) -> None:
    with pytest.raises(ForeignCursor):
        decode(LIST, written(content))


def test_a_list_begins_with_page_one_of_twenty() -> None:
    assert window(page=None, per_page=None, limit=None, after=None) == Window(20, 1, None)


def test_a_limit_or_a_cursor_asks_for_cursor_mode() -> None:
    after = After("a", 1)

    assert window(page=None, per_page=None, limit=5, after=None) == Window(5, None, None)
    assert window(page=None, per_page=None, limit=None, after=after) == Window(20, None, after)
    assert window(page=None, per_page=7, limit=None, after=after) == Window(7, None, after)


@pytest.mark.parametrize(
    "mix",
    [
        {"page": 1, "after": After(None, 1)},
        {"page": 1, "limit": 1},
        {"per_page": 1, "limit": 1},
    ],
)
def test_two_ways_at_once_are_refused(mix: dict[str, Any]) -> None:
    nothing = {"page": None, "per_page": None, "limit": None, "after": None}
    with pytest.raises(PagingMix):
        window(**(nothing | mix))


@given(st.integers(1, 1000), st.integers(1, 100))
def test_pages_follow_each_other_without_gap_or_overlap(page: int, size: int) -> None:
    assert Window(size, page).offset + size == Window(size, page + 1).offset
