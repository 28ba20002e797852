"""What a list of customers can be asked for."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants.customers import (
    AgesCrossed,
    CustomerSort,
    check_after,
    end_of_day_years_ago,
    filters,
    folded,
    search_text,
    sorting,
)
from flextell.tenants.paging import After, ForeignCursor

NOTHING = {"search": None, "gender": None, "min_age": None, "max_age": None, "trashed": None}


def seconds(day: date) -> int:
    """Midnight of a day (UTC)."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def age(born: date, today: date) -> int:
    """Whole years; who was born on 29 February is a year older on 1 March of other years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@given(
    born=st.dates(date(1850, 1, 1), date(2026, 12, 31)),
    today=st.dates(date(1995, 1, 1), date(2060, 12, 31)),
    years=st.integers(0, 100),
    hour=st.integers(0, 23),
)
def test_the_bound_of_an_age_parts_those_who_reached_it_from_those_who_did_not(
    born: date, today: date, years: int, hour: int
) -> None:
    bound = end_of_day_years_ago(seconds(today) + hour * 3600, years)

    assert (seconds(born) < bound) == (age(born, today) >= years)


def test_an_age_on_leap_day_goes_back_to_a_day_that_was() -> None:
    leap_day = seconds(date(2024, 2, 29))

    assert end_of_day_years_ago(leap_day, 18) == seconds(date(2006, 3, 1))
    assert end_of_day_years_ago(leap_day, 20) == seconds(date(2004, 3, 1))


def test_ages_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(AgesCrossed):
        filters(**(NOTHING | {"min_age": 2, "max_age": 1}), now=0)  # type: ignore[arg-type]


def test_deleted_customers_stay_hidden_unless_asked_for() -> None:
    assert not filters(**NOTHING, now=0).trashed
    assert filters(**(NOTHING | {"trashed": True}), now=0).trashed  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ÇELİK", "celik"),
        ("I\u015f\u0131l", "isil"),
        ("Zoë", "zoe"),
        ("straße", "strasse"),
        ("+90 555", "+90 555"),
    ],
)
def test_folded_text_has_no_case_and_no_accents(text: str, plain: str) -> None:
    assert folded(text) == plain


@given(st.text(max_size=20))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_the_words_of_two_fields_do_not_run_together() -> None:
    assert search_text("Ada", "Çelik", "+90", None) == "ada celik +90"


def test_the_newest_come_first_unless_something_is_asked_for() -> None:
    assert sorting(None, None) == CustomerSort("created_at", "desc")
    assert sorting("gender", None) == CustomerSort("gender", "asc")
    assert sorting(None, "asc") == CustomerSort("created_at", "asc")


def test_a_cursor_continues_only_with_a_value_of_its_sort_key() -> None:
    assert check_after(After("x", 1), "first_name") == After("x", 1)
    assert check_after(After(None, 1), "gender") == After(None, 1)
    for value, key in ((1, "first_name"), ("x", "created_at"), (None, "created_at")):
        with pytest.raises(ForeignCursor):
            check_after(After(value, 1), key)  # type: ignore[arg-type]
