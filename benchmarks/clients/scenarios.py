"""What happens to every client alike, and the person who signs in anew whenever that is needed."""

import random
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from benchmarks.clients.calling import DONE, LOST, Work
from benchmarks.clients.lane import SECONDS_TO_START, Lane, Plan, Row, Worker
from benchmarks.clients.place import TIMEOUT_SECONDS, TOKEN_SECONDS
from tests.together.faults import STORM

LOOK_SECONDS = 0.0002
# A refresh takes a few milliseconds, from its arrival at the proxy to the file that keeps it.
LONGEST_LIFE_SECONDS = 0.03
KILLS = 20
# Whoever loses more has shown what there is to show.
MOST_LOST = 40


def shared(lane: Lane, plan: Plan) -> Row:
    """All processes share one grant; whenever it is lost, the person signs in anew."""
    row = lane.row(plan.name)
    seconds = plan.lifetimes * TOKEN_SECONDS
    asked = lane.asked()
    signed_in = 0
    while row.lost < MOST_LOST and (row.made < plan.calls if plan.calls else row.seconds < seconds):
        signed_in += 1
        with tempfile.TemporaryDirectory() as folder:
            left = seconds - row.seconds if not plan.calls else float("inf")
            with lane.crew(Path(folder), plan, plan.calls and plan.calls - row.made) as workers:
                began = time.monotonic()
                listen(row, [worker.said for worker in workers], left)
                row.seconds += time.monotonic() - began
    row.refreshes = lane.asked() - asked - signed_in
    return row


def listen(row: Row, workers: list[Connection], seconds: float) -> None:
    """Count outcomes until the time is over, the grant lost or the work done."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for worker in wait(workers, min(left, SECONDS_TO_START)):
            assert isinstance(worker, Connection)
            outcome = worker.recv()
            if outcome == DONE:
                return
            row.count(outcome)
            if outcome.startswith(LOST):
                return


def killed(lane: Lane, plan: Plan) -> Row:
    """Each process is killed while it refreshes, and the next one goes on from the file."""
    row = lane.row(plan.name)
    asked = lane.asked()
    kills = signed_in = 0
    is_lost, kept = True, Path()
    with tempfile.TemporaryDirectory() as folder:
        # One process more than kills: it shows what the last one left.
        while kills <= KILLS and row.lost < KILLS:
            if is_lost:
                signed_in += 1
                kept = Path(folder, str(signed_in))
                kept.mkdir()
            work = Work(lane.library, signs_in=is_lost, longest_pause=plan.longest_pause)
            with lane.worker(kept, work) as worker:
                began = time.monotonic()
                is_lost = dies(lane, row, worker)
                row.seconds += time.monotonic() - began
            kills += not is_lost
    row.refreshes = lane.asked() - asked - signed_in
    return row


def dies(lane: Lane, row: Row, worker: Worker) -> bool:
    """Kill it at a random instant after its next refresh has begun.

    Whether it had lost the grant by then: a refresh may be what tells it.
    """
    asked = lane.asked()
    until = time.monotonic() + SECONDS_TO_START
    while lane.asked() == asked:
        if is_over(row, worker):
            return True
        assert time.monotonic() < until, "it refreshes nothing"
        time.sleep(LOOK_SECONDS)
    time.sleep(random.uniform(0, LONGEST_LIFE_SECONDS))
    worker.kill()
    return is_over(row, worker)


def is_over(row: Row, worker: Worker) -> bool:
    """Count what the process has told since; whether it lost the grant."""
    lost = row.lost
    for outcome in worker.rest():
        row.count(outcome)
    return row.lost > lost


SLOW_SECONDS = -600.0
PLANS: Mapping[str, tuple[Callable[[Lane, Plan], Row], Plan]] = {
    "threads": (shared, Plan("16 threads")),
    "processes": (shared, Plan("4 processes", processes=4, callers=1)),
    "readers": (
        shared,
        Plan("4 processes, each call reads the file", processes=4, callers=1, restores=True),
    ),
    "storm": (
        shared,
        Plan(
            "storm, 8 threads",
            callers=8,
            calls=1000,
            longest_pause=0.02,
            faults=replace(STORM, delay_seconds=2 * TIMEOUT_SECONDS),
        ),
    ),
    "kills": (killed, Plan("20 times kill -9", longest_pause=0.02)),
    "slow": (shared, Plan("clock 10 min slow", callers=1, lifetimes=5, wrong_by=SLOW_SECONDS)),
    "brought": (
        shared,
        Plan(
            "the same, tokens from a machine whose clock is right",
            callers=1,
            # oidc-provider takes dead tokens for 15 seconds more.
            lifetimes=10,
            wrong_by=SLOW_SECONDS,
            brought=True,
        ),
    ),
}
