"""What is long enough to be found anywhere."""

import pytest

from flextell.tenants import search


@pytest.mark.parametrize("text", ["ada", "905", "a+905", "ay se celik", "şeb", "x1y"])
def test_three_letters_or_digits_in_a_row_are_found_anywhere(text: str) -> None:
    assert search.is_long(text)


@pytest.mark.parametrize("text", ["a", "ad", "a b", "+9", "a-b-c-d", "a_b", "%%%", "   "])
def test_fewer_are_found_where_words_begin(text: str) -> None:
    assert not search.is_long(text)
