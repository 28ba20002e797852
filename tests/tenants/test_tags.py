"""Which names of tags are one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants.tags import unique_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("VIP", "vip"),
        (" vip ", "VIP"),
        ("Straße", "STRASSE"),
        ("\N{LATIN SMALL LETTER C WITH CEDILLA}elik", "C\N{COMBINING CEDILLA}ELIK"),
        # The sign under the letter and the one beside it may come in either order.
        ("\N{GREEK SMALL LETTER ALPHA}\u0345\u0301", "\N{GREEK SMALL LETTER ALPHA}\u0301\u0345"),
    ],
)
def test_case_and_the_way_a_letter_is_written_make_no_other_name(one: str, other: str) -> None:
    """Unicode §3.13, D145."""
    assert unique_name(one) == unique_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Kar", "Kâr"), ("Sinir", "S\N{LATIN SMALL LETTER DOTLESS I}nir"), ("a b", "ab")],
)
def test_another_letter_makes_another_name(one: str, other: str) -> None:
    assert unique_name(one) != unique_name(other)


@given(st.text())
def test_a_unique_name_is_that_of_the_name_in_lower_case(name: str) -> None:
    once = unique_name(name)

    assert unique_name(once) == once
