"""Compare clients: `python -m benchmarks.clients [--write] [--library NAME] [--scenario NAME]`.

Every library meets the same scenarios at the same servers, each pair in a process of its own. A
whole run takes about half an hour; `--at-once` says how many pairs run at a time.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from benchmarks.clients import table
from benchmarks.clients.runs import rows_of
from benchmarks.clients.scenarios import PLANS
from benchmarks.clients.servers import SERVERS

LIBRARIES = ("flextell", "authlib", "requests_oauthlib", "google_auth", "mcp")


def main() -> None:
    """Print the table, and write it into the README if told so."""
    parser = argparse.ArgumentParser(description="Compare clients side by side.")
    parser.add_argument("--library", action="append", choices=LIBRARIES)
    parser.add_argument("--server", action="append", choices=list(SERVERS))
    parser.add_argument("--scenario", action="append", choices=list(PLANS))
    parser.add_argument("--at-once", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="into benchmarks/README.md")
    asked = parser.parse_args()
    pairs = list(product(asked.server or SERVERS, asked.library or LIBRARIES))
    scenarios = asked.scenario or list(PLANS)
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.at_once, mp_context=spawning) as lanes:
        running = [lanes.submit(rows_of, library, server, scenarios) for server, library in pairs]
        rows = [row for each in running for row in each.result()]
    print(text := table.written(rows))
    if asked.write:
        table.write(text)


if __name__ == "__main__":
    main()
