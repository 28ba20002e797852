"""The results as Markdown, with what they were measured with, and their place in the README."""

import os
import platform
import time
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from benchmarks.clients.lane import Row
from benchmarks.clients.place import TOKEN_SECONDS

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- clients: begin -->", "<!-- clients: end -->"
HEAD = (
    "| client | scenario | lifetimes | refreshes | calls | failed | sign-ins lost | why |",
    "| --- | --- | --: | --: | --: | --: | --: | --- |",
)


def line(row: Row) -> str:
    """One row."""
    why = ", ".join(f"{reason}: {count}" for reason, count in row.failed.most_common())
    cells = (
        import_module(f"benchmarks.clients.with_{row.library}").NAME,
        row.scenario,
        f"{row.seconds / TOKEN_SECONDS:.0f}",
        f"{row.refreshes:,}",
        f"{row.made:,}",
        f"{row.failed.total():,}",
        f"{row.lost}",
        why,
    )
    return f"| {' | '.join(cells)} |"


def written(rows: Iterable[Row]) -> str:
    """Everything: when, with what, and a table for each server."""
    every = list(rows)
    libraries = dict.fromkeys(row.library for row in every)
    modules = [import_module(f"benchmarks.clients.with_{library}") for library in libraries]
    versions = ", ".join(f"{m.NAME} {version(m.PACKAGE)}" for m in modules)
    lines = [
        f"{time.strftime('%d %B %Y')}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}: {versions}. Access tokens live {TOKEN_SECONDS} seconds."
    ]
    for server, of_server in groupby(every, key=lambda row: row.server):
        ordered = sorted(of_server, key=lambda row: [r.scenario for r in every].index(row.scenario))
        lines += ["", f"### At {server}", "", *HEAD, *map(line, ordered)]
    return "\n".join(lines)


def write(text: str) -> None:
    """Put it between the two marks in the README."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
