"""What `make bench-check` says of costs, and that its operations still do what they measure."""

from pathlib import Path

import pytest

from benchmarks.check import judge, table, until
from benchmarks.costs import Costs
from benchmarks.operations import operations

REFRESH = "SQLite: refresh with rotation"
BASELINE = Costs(calls={REFRESH: 500}, cpu={REFRESH: 4.0})


def words(now: Costs) -> list[str]:
    """What is said of each cost."""
    return [verdict.word for verdict in judge(BASELINE, now)]


def test_costs_within_the_tolerance_pass() -> None:
    now = Costs(calls={REFRESH: 520}, cpu={REFRESH: 4.5})

    assert words(now) == ["", ""]


def test_more_calls_fail_on_any_machine() -> None:
    now = Costs(calls={REFRESH: 530}, cpu={REFRESH: 4.0}, share=0.3)

    assert words(now) == ["COSTS MORE"]


def test_cpu_time_is_judged_only_on_a_quiet_machine() -> None:
    quiet = Costs(calls={REFRESH: 500}, cpu={REFRESH: 9.0}, share=0.95)
    busy = Costs(calls={REFRESH: 500}, cpu={REFRESH: 9.0}, share=0.5)

    assert words(quiet) == ["", "COSTS MORE"]
    assert words(busy) == [""]


def test_new_and_cheaper_operations_ask_for_a_new_baseline() -> None:
    now = Costs(calls={REFRESH: 300, "SQLite: API call": 100})

    assert words(now) == ["costs less: write a baseline", "new: write a baseline"]
    assert "-40.0%" in table(judge(BASELINE, now))


def test_what_seems_too_high_is_measured_again_until_time_is_up() -> None:
    moments = iter((0.0, 1.0, 2.0, 3.0, 4.0, 21.0, 21.0))
    dear = Costs(calls=BASELINE.calls, cpu={REFRESH: 9.0})
    enough = until(BASELINE, clock=moments.__next__)

    assert [enough(dear) for _ in range(5)] == [False, False, False, False, True]


@pytest.mark.anyio
async def test_every_operation_gets_the_answer_that_it_needs(tmp_path: Path) -> None:
    """Each raises Unexpected otherwise."""
    async with operations(tmp_path, "") as made:
        for operation in made.table().values():
            await operation(0)
