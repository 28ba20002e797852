"""How long a start takes, and what an idle server holds: `python -m benchmarks.start`.

Each start is on a database that exists, and ends when the server says that it is ready. Memory is
that of each process a moment later: all of it (RSS), and its share of what it has in common (PSS).
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import processes
from benchmarks.__main__ import GENERATOR_CORE, OURS_HAS, SERVER_CORE, own_database
from benchmarks.server import running, serving

STARTS = 5
SECONDS_TO_SETTLE = 1.0

Memory = tuple[float, float]


def start(folder: Path, database: str, workers: int) -> tuple[float, list[Memory]]:
    """One start: seconds until it is ready, and the memory of each process that serves."""
    began = time.perf_counter()
    words = ("--workers", str(workers))
    with serving(folder, SERVER_CORE, database, words=words) as (_, pid):
        seconds = time.perf_counter() - began
        time.sleep(SECONDS_TO_SETTLE)
        # With several workers, the first process only hands connections on.
        serve = list(processes.family(pid))[1 if workers > 1 else 0 :]
        return seconds, [processes.memory_mib(one) for one in serve]


def line(kind: str, workers: int, starts: list[tuple[float, list[Memory]]]) -> str:
    """A row of the table."""
    seconds = [one for one, _ in starts]
    memories = [memory for _, every in starts for memory in every]
    rss, pss = (statistics.median(of) for of in zip(*memories, strict=True))
    return (
        f"| {OURS_HAS[kind]} | {workers} | {statistics.median(seconds):.2f} | {max(seconds):.2f} "
        f"| {rss:.0f} | {pss:.0f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure starts and idle memory.")
    parser.add_argument("--workers", type=int, default=2, help="on PostgreSQL, beside one alone")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    print("| database | workers | start s, median | longest | RSS MiB a worker | PSS MiB |")
    print("| --- | --: | --: | --: | --: | --: |")
    for kind, counts in (("sqlite", (1,)), ("postgresql", (1, asked.workers))):
        with tempfile.TemporaryDirectory() as name, own_database(kind, Path(name)) as (url, _):
            with running(Path(name), SERVER_CORE, url):
                pass  # so that keys and certificates are there
            for workers in counts:
                starts = [start(Path(name), url, workers) for _ in range(STARTS)]
                print(line(kind, workers, starts))


if __name__ == "__main__":
    main()
