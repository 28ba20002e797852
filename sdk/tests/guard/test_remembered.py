"""A map that does not grow without end."""

from flextell_sdk.guard.remembered import Remembered


def test_what_was_not_used_for_longest_makes_room() -> None:
    remembered: Remembered[str, int] = Remembered(2)
    remembered.keep("a", lambda: 1)
    remembered.keep("b", lambda: 2)
    remembered.get("a")
    remembered.keep("c", lambda: 3)

    assert [remembered.get(name) for name in "abc"] == [1, None, 3]
    assert len(remembered) == 2


def test_the_first_value_is_kept() -> None:
    remembered: Remembered[str, int] = Remembered(2)

    assert remembered.keep("a", lambda: 1) == remembered.keep("a", lambda: 2) == 1
