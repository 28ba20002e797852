"""Every scenario of one library at one server, in a process of its own."""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.clients import table
from benchmarks.clients.lane import Lane, Row
from benchmarks.clients.scenarios import PLANS
from benchmarks.clients.servers import SERVERS


def rows_of(library: str, server: str, scenarios: Iterable[str]) -> list[Row]:
    """One library at one server."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        SERVERS[server](Path(folder)) as (place, proxy),
    ):
        lane = Lane(library, server, place, proxy)
        for name in scenarios:
            scenario, plan = PLANS[name]
            rows.append(scenario(lane, plan))
            print(f"{server}: {table.line(rows[-1])}", file=sys.stderr, flush=True)
    return rows
