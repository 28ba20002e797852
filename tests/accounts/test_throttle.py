"""Guessing is slowed down; nobody is locked out (OWASP ASVS 5.0 §6.3.1)."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell.accounts.throttle import Count, Key, Kind, Rule, failed, keys, wait_seconds
from tests.world import ALICE, BOB, NOON

DAY = 24 * 3600
RULE = Rule(free=5, longest_wait=900)

rules = st.builds(Rule, st.integers(1, 100), st.integers(1, 100_000))


def after(failures: int, rule: Rule = RULE) -> Count:
    """The count after so many wrong passwords at noon."""
    count = Count()
    for _ in range(failures):
        count = failed(count, rule, DAY, NOON)
    return count


def waits_for(counts: list[Count], now: int) -> int:
    """How long a try counted so often, under keys that are always heeded, waits."""
    return wait_seconds({Key(Kind.ADDRESS, f"{n}"): each for n, each in enumerate(counts)}, now)


def test_the_first_tries_are_free_and_then_the_wait_doubles() -> None:
    waits = [waits_for([after(n)], NOON) for n in range(1, 20)]
    assert waits[:9] == [0, 0, 0, 0, 1, 2, 4, 8, 16]
    assert waits[-4:] == [900, 900, 900, 900]


@given(rules, st.integers(1, 200))
def test_the_wait_only_grows_and_never_beyond_its_limit(rule: Rule, tries: int) -> None:
    waits = [waits_for([after(n, rule)], NOON) for n in range(tries + 1)]
    assert all(before <= now for before, now in pairwise(waits))
    assert all(wait <= rule.longest_wait for wait in waits)
    assert not any(waits[: rule.free])
    if tries >= rule.free:
        assert waits[rule.free] >= 1


@given(rules, st.lists(st.integers(0, 2 * DAY), max_size=60))
@example(Rule(1, 900), [0] * 50)
def test_a_try_made_while_waiting_moves_nothing(rule: Rule, pauses: list[int]) -> None:
    """Nobody can push the end of somebody else's wait by trying on and on."""
    count, now, counted = Count(), NOON, 0
    for pause in pauses:
        now += pause
        if waits_for([count], now):
            continue  # turned away before any password is looked at: nothing is written
        counted += 1
        count = failed(count, rule, DAY, now)
        assert count.last_at == now
        assert 1 <= count.failures <= counted
        assert now <= count.wait_until <= now + rule.longest_wait
    assert waits_for([count], now + rule.longest_wait) == 0


def test_the_wait_runs_down_with_the_clock() -> None:
    count = after(9)
    assert [waits_for([count], NOON + s) for s in (0, 1, 15, 16, 17)] == [16, 15, 1, 0, 0]


def test_the_longest_of_several_waits_counts() -> None:
    assert waits_for([], NOON) == 0
    assert waits_for([Count()], NOON) == 0
    assert waits_for([after(6), Count(), after(9), after(1)], NOON) == 16


@pytest.mark.parametrize(("pause", "failures"), [(DAY - 1, 9), (DAY, 1)])
def test_wrong_passwords_are_forgotten_after_a_while(pause: int, failures: int) -> None:
    assert failed(after(8), RULE, DAY, NOON + pause).failures == failures


def test_a_try_is_counted_for_the_account_the_address_and_both() -> None:
    assert {key.kind for key in keys(ALICE, "192.0.2.1", None)} == {
        Kind.ACCOUNT_AND_ADDRESS,
        Kind.ACCOUNT,
        Kind.ADDRESS,
    }


def test_a_browser_that_the_owner_used_is_not_held_up_by_strangers() -> None:
    """A stranger's wrong passwords for Alice are under keys that her own browser does not ask."""
    stranger = set(keys(ALICE, "198.51.100.7", None))
    owner = set(keys(ALICE, "192.0.2.1", "her laptop"))
    assert not stranger & owner
    assert Key(Kind.DEVICE, "her laptop") in owner


def test_a_known_browser_may_not_guess_for_ever_either() -> None:
    kinds = {key.kind for key in keys(ALICE, "192.0.2.1", "her laptop")}
    assert kinds == {Kind.DEVICE, Kind.ADDRESS}


def test_two_people_and_two_addresses_are_told_apart() -> None:
    def both(email: str, address: str) -> str:
        return next(
            key.text for key in keys(email, address, None) if key.kind is Kind.ACCOUNT_AND_ADDRESS
        )

    names = {both(email, address) for email in (ALICE, BOB) for address in ("192.0.2.1", "::1")}
    assert len(names) == 4


def test_keys_of_two_kinds_are_never_the_same_in_the_store() -> None:
    assert len({Key(kind, "x").text for kind in Kind}) == len(Kind)


@pytest.mark.parametrize(("own_failures", "wait"), [(0, 0), (1, 0), (2, 16), (3, 16)])
def test_what_others_failed_at_holds_only_who_failed_more_than_once(
    own_failures: int, wait: int
) -> None:
    """Else strangers on many addresses could take every gap, and the owner would never get in."""
    mine, everybodys, address = keys(ALICE, "192.0.2.1", None)
    counts = {mine: after(own_failures), everybodys: after(9), address: after(own_failures)}
    assert wait_seconds(counts, NOON) == wait
