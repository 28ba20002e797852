"""What processes that count together let through, however their requests and exchanges mix."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.node import tally
from flextell.node.tally import ALONE, Tally

ALICE, BOB = "grant-alice", "grant-bob"
MANY = 1000


@dataclass
class Process:
    """One of several on a database, and one caller's requests that came to it."""

    tally: Tally
    allowed: int = 0
    told: int | None = None
    heard: int = 0
    # Since the begin of the last exchange that ended well, and of the one that is under way.
    since_last: int = 0
    since_begin: int = 0
    most_between: int = 0

    def ask(self, limit: int) -> bool:
        """One request; whether it was allowed."""
        self.since_last += 1
        self.since_begin += 1
        self.most_between = max(self.most_between, self.since_last)
        allowed = self.tally.count(ALICE) <= limit
        self.allowed += allowed
        return allowed


@dataclass
class Together:
    """Processes on one database. An exchange reads when it begins, and commits when it ends."""

    limit: int
    step: int
    processes: list[Process] = field(default_factory=list)
    committed: dict[int, int] = field(default_factory=dict)

    def do(self, number: int, event: str) -> None:
        process = self.processes[number]
        if event == "begin" and process.told is None:
            process.told = process.tally.tell(MANY).get(ALICE, 0)
            process.heard = sum(n for who, n in self.committed.items() if who != number)
            process.since_begin = 0
        elif event == "end" and process.told is not None:
            self._commit(number)
            if process.told:
                process.tally.hear(ALICE, process.heard)
            process.told, process.since_last = None, process.since_begin
        elif event in ("fail", "lose") and process.told is not None:
            if event == "lose":
                self._commit(number)
            process.tally.tell_again([ALICE] if process.told else [])
            process.told = None

    def _commit(self, number: int) -> None:
        told = self.processes[number].told or 0
        self.committed[number] = max(told, self.committed.get(number, 0))


@given(
    limit=st.integers(1, 60),
    step=st.integers(1, 7),
    count=st.integers(1, 4),
    events=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.one_of(st.integers(1, 9), st.sampled_from(["begin", "end", "fail", "lose"])),
        ),
        max_size=120,
    ),
)
def test_processes_let_through_the_limit_and_little_more(
    limit: int, step: int, count: int, events: list[tuple[int, int | str]]
) -> None:
    """The bound of decision 15; and nobody is refused before the limit was used up."""
    together = Together(limit, step, [Process(Tally(0, step)) for _ in range(count)])
    asked = 0
    for number, event in events:
        process = number % count
        for _ in range(event if isinstance(event, int) else 0):
            asked += 1
            assert together.processes[process].ask(limit) or asked > limit
        if isinstance(event, str):
            together.do(process, event)

    allowed = sum(process.allowed for process in together.processes)
    slack = sum(2 * (step - 1 + process.most_between) for process in together.processes)
    assert min(asked, limit) <= allowed <= limit + slack


@given(st.lists(st.sampled_from([ALICE, BOB]), max_size=50))
def test_a_process_alone_counts_exactly_and_has_nothing_to_tell(callers: list[str]) -> None:
    alone = Tally(0, ALONE)

    counted = [(caller, alone.count(caller)) for caller in callers]

    assert counted == [(caller, callers[: n + 1].count(caller)) for n, caller in enumerate(callers)]
    assert alone.tell(MANY) == {}


def test_who_asks_seldom_is_not_told_and_who_asks_more_is_told_once_a_step() -> None:
    counting = Tally(0, 3)

    told = []
    for _ in range(7):
        counting.count(ALICE)
        told.append(counting.tell(MANY))

    assert told == [{}, {}, {ALICE: 3}, {}, {}, {ALICE: 6}, {}]


def test_when_there_is_much_to_tell_everybody_has_a_turn() -> None:
    counting = Tally(0, 1)
    for caller in (ALICE, BOB):
        counting.count(caller)

    first = counting.tell(1)
    counting.count(ALICE)

    assert [first, counting.tell(1), counting.tell(1)] == [{ALICE: 1}, {BOB: 1}, {ALICE: 2}]


def test_a_database_that_lost_its_counts_makes_nobody_forget() -> None:
    counting = Tally(0, 1)
    counting.hear(ALICE, 5)
    counting.hear(ALICE, 0)

    assert counting.count(ALICE) == 6


def test_a_flood_of_new_callers_neither_fills_the_memory_nor_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tally, "MOST_KEYS", 1)
    counting = Tally(0, 1)

    counted = [counting.count(caller) for caller in (ALICE, BOB, BOB, ALICE)]

    assert counted == [1, 1, 1, 2]
    assert counting.tell(MANY) == {ALICE: 2}
