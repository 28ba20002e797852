"""What processes have used: CPU time and memory of one and all its children, from /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
KIB_A_MIB = 1024
# A member may end while we look; what it used is then told by its parent.
GONE = (FileNotFoundError, ProcessLookupError)


def family(pid: int) -> Iterator[int]:
    """A process, its children, theirs, and so on."""
    yield pid
    with suppress(*GONE):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from family(int(child))


def cpu_seconds(pid: int) -> float:
    """CPU time of a family so far, with that of its members who have ended."""
    return sum(map(_ticks, family(pid))) / TICKS_A_SECOND


def _ticks(pid: int) -> int:
    with suppress(*GONE):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(used) for used in fields[11:15])
    return 0


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident memory of one process, and its share of it (RSS, PSS)."""
    lines = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    rss, pss = (int(lines[name].split()[0]) / KIB_A_MIB for name in ("Rss", "Pss"))
    return rss, pss
