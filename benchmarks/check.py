"""Fail when an operation costs more than it did: `python -m benchmarks.check [--write]`.

Two costs, neither of them seconds: how many calls it makes, which is the same on every machine
with the same Python; and its CPU time in pieces of a fixed work, which is judged and kept only
where this process has a core to itself. `--write` makes what is measured now the baseline.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.costs import Costs, Enough, measure_all
from flextell import log

BASELINE = Path(__file__).with_name("baseline.json")
CALLS_TOLERANCE, CPU_TOLERANCE = 0.05, 0.15
# A cost that seems too high is measured again for so long; a baseline always takes it all.
SECONDS_FOR_ONE_DATABASE = 20.0
LEAST_ROUNDS = 4
# With less of a core than this, CPU time says more about the neighbours.
SHARE_OF_A_QUIET_MACHINE = 0.9


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an operation cost then, None if it is new, and costs now, by one of the two measures."""

    name: str
    measure: str
    then: float | None
    now: float
    tolerance: float

    @property
    def change(self) -> float:
        """By which part it grew; less than nothing if it shrank."""
        return self.now / self.then - 1 if self.then else 0.0

    @property
    def dearer(self) -> bool:
        """Whether it costs more than it may."""
        return self.change > self.tolerance

    @property
    def word(self) -> str:
        """What is to be said of it."""
        if self.then is None:
            return "new: write a baseline"
        if self.dearer:
            return "COSTS MORE"
        return "costs less: write a baseline" if self.change < -self.tolerance else ""


def judge(then: Costs, now: Costs) -> list[Verdict]:
    """Compare what is measured now with the baseline, by both measures on a quiet machine."""
    calls = _by("calls", then.calls, now.calls, CALLS_TOLERANCE)
    return calls + (_by("CPU time", then.cpu, now.cpu, CPU_TOLERANCE) if is_quiet(now) else [])


def is_quiet(costs: Costs) -> bool:
    """Whether CPU times mean something."""
    return costs.share >= SHARE_OF_A_QUIET_MACHINE


def _by(
    measure: str, then: Mapping[str, float], now: Mapping[str, float], tolerance: float
) -> list[Verdict]:
    return [Verdict(name, measure, then.get(name), cost, tolerance) for name, cost in now.items()]


def table(verdicts: Sequence[Verdict]) -> str:
    """The comparison, for a person to read."""
    width = max(len(verdict.name) for verdict in verdicts)
    lines = [f"{'cost':8}  {'operation':{width}}  baseline       now  change"]
    for verdict in verdicts:
        then = "-" if verdict.then is None else f"{verdict.then:,.2f}"
        lines.append(
            f"{verdict.measure:8}  {verdict.name:{width}}  {then:>8}  {verdict.now:8,.2f} "
            f"{verdict.change:+7.1%}  {verdict.word}".rstrip()
        )
    return "\n".join(lines)


def _dearer(verdicts: Sequence[Verdict]) -> bool:
    return any(verdict.dearer for verdict in verdicts)


def until(baseline: Costs | None, clock: Callable[[], float] = time.monotonic) -> Enough:
    """Some rounds, and more while a cost seems too high; all the time if there is no baseline."""
    rounds, began = 0, clock()

    def enough(costs: Costs) -> bool:
        nonlocal rounds, began
        rounds += 1
        over = clock() - began > SECONDS_FOR_ONE_DATABASE
        quiet = is_quiet(costs)
        well = not quiet or (baseline is not None and not _dearer(judge(baseline, costs)))
        done = over or (well and rounds >= LEAST_ROUNDS)
        if done:
            rounds, began = 0, clock()
        return done

    return enough


def read_baseline() -> Costs:
    """What is committed. Raises SystemExit where it is of another Python."""
    kept = json.loads(BASELINE.read_text())
    if kept["python"] != python():
        sys.exit(f"The baseline is of Python {kept['python']}; run this with the same.")
    return Costs(kept["calls"], kept["cpu"])


def write_baseline(costs: Costs) -> None:
    """Commit to these; to no CPU times if there was no quiet to measure them in."""
    cpu = costs.cpu if is_quiet(costs) else {}
    kept = {"python": python(), "calls": costs.calls, "cpu": cpu}
    BASELINE.write_text(f"{json.dumps(kept, indent=2)}\n")


def python() -> str:
    """The version that decides how many calls there are."""
    return ".".join(platform.python_version_tuple()[:2])


def main() -> None:
    """Print the table; exit 1 if something costs more."""
    parser = argparse.ArgumentParser(description="Compare costs with the committed baseline.")
    parser.add_argument("--write", action="store_true", help="make this the baseline")
    write = parser.parse_args().write
    log.configure("error")
    baseline = Costs() if write else read_baseline()
    now = measure_all(until(None if write else baseline))
    verdicts = judge(baseline, now)
    print(table(verdicts))
    if not is_quiet(now):
        print(f"CPU time is left out: this process had {now.share:.0%} of a core.")
    if write:
        write_baseline(now)
    elif _dearer(verdicts):
        sys.exit(
            f"Something costs more than in {BASELINE.name}: over {CALLS_TOLERANCE:.0%} more calls,"
            f" or over {CPU_TOLERANCE:.0%} more CPU time."
        )


if __name__ == "__main__":
    main()
