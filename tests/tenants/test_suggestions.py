"""A suggestion is sent once, as it is or as a person made it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants import suggestions
from flextell.tenants.refusals import Unfit
from flextell.tenants.suggestions import Draft, State, Suggestion, SuggestionOver

NOON = 1_795_435_200


def suggested(state: State = "pending", after: int | None = 5) -> Suggestion:
    """Come at three, says the AI."""
    return Suggestion(1, 2, Draft("Come at three."), state, after, None, NOON, NOON)


def test_a_suggestion_is_sent_as_it_is() -> None:
    assert suggestions.final_text(suggested(), "suggestion_as_is", None) == "Come at three."
    assert (
        suggestions.final_text(suggested(), "suggestion_as_is", "Come at three.")
        == "Come at three."
    )


def test_another_text_is_not_dropped_in_silence() -> None:
    with pytest.raises(Unfit, match="message"):
        suggestions.final_text(suggested(), "suggestion_as_is", "Come at four.")


def test_an_edited_suggestion_is_what_the_person_wrote() -> None:
    assert (
        suggestions.final_text(suggested(), "suggestion_edited", "Come at four.") == "Come at four."
    )


@pytest.mark.parametrize("message", [None, ""])
def test_an_edited_suggestion_needs_a_message(message: str | None) -> None:
    with pytest.raises(Unfit, match="message"):
        suggestions.final_text(suggested(), "suggestion_edited", message)


@pytest.mark.parametrize("state", ["sent", "dismissed", "superseded"])
def test_what_is_over_is_not_sent_again(state: State) -> None:
    with pytest.raises(SuggestionOver, match=state):
        suggestions.final_text(suggested(state), "suggestion_as_is", None)


@given(after=st.none() | st.integers(1, 9), last=st.none() | st.integers(1, 9))
def test_new_messages_are_those_after_the_newest_it_knew(
    after: int | None, last: int | None
) -> None:
    new = last is not None and (after is None or last > after)

    assert suggestions.has_new_messages(suggested(after=after), last) is new
