"""The comparison as Markdown, with what it was measured with, and its place in the README."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import lanes
from benchmarks.peers.gunicorn import PYTHON
from benchmarks.peers.turns import Results
from tests.postgres import programs

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
OIDC_PACKAGES = Path(__file__).parent / "oidc_provider" / "node_modules"
PYTHON_PACKAGES = ("authlib", "flask", "django", "django-oauth-toolkit", "gunicorn")

KINDS: Sequence[str] = (
    "refresh with rotation",
    "full code flow (2 requests)",
    "introspection",
    "client credentials",
    "API call",
    "read a customer",
    "list 50 customers",
)
RATE_AND_CPU = "per second (per CPU second of the server)"

# What we claim: these servers, this work, at least so many times as fast.
RATIOS: Sequence[tuple[str, str, str, float]] = (
    (lanes.OURS, lanes.OIDC, "refresh with rotation", 4),
    (lanes.OURS, lanes.OIDC, "full code flow (2 requests)", 4),
    (lanes.OURS, lanes.OIDC, "introspection", 2.5),
    (lanes.OURS, lanes.OIDC, "client credentials", 2),
    (lanes.OURS_EMBEDDED, lanes.OIDC_MEMORY, "refresh with rotation", 4),
    (lanes.OURS_RS256, lanes.OIDC_RS256, "refresh with rotation", 1.5),
    (lanes.OURS, lanes.BARE, "read a customer", 0.6),
    (lanes.OURS, lanes.BARE, "list 50 customers", 0.6),
    (lanes.OURS, lanes.BARE, "API call", 0.6),
)


def written(results: Results, rounds: int, connections: int, seconds: float) -> str:
    """Everything: when, with what, the rates, the ratios, and the rest."""
    return "\n".join(
        [
            f"{time.strftime('%d %B %Y')}, {os.cpu_count()} cores, {versions()}.",
            f"{connections} connections, medians of {rounds} rounds of {seconds:g} seconds.",
            "",
            f"{RATE_AND_CPU[0].upper()}{RATE_AND_CPU[1:]}:",
            "",
            *rates(results),
            "",
            "What is claimed, and what this run says:",
            "",
            *ratios(results),
            "",
            "How long an operation took, and the CPU time of PostgreSQL in it:",
            "",
            *details(results),
        ]
    )


def rates(results: Results) -> list[str]:
    """A row for each server."""
    kinds = [kind for kind in KINDS if any(key[1] == kind for key in results)]
    lines = [f"| | {' | '.join(kinds)} |", f"| --- |{' --: |' * len(kinds)}"]
    for name in dict.fromkeys(name for name, _ in results):
        found = [results.get((name, kind)) for kind in kinds]
        cells = [f"{one.rate():,.0f} ({one.cpu_rate():,.0f})" if one else "-" for one in found]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def ratios(results: Results) -> list[str]:
    """How many times as fast, by the clock and by the server's CPU time."""
    lines = ["| work | of | to | claimed | per second | per CPU second |"]
    lines.append("| --- | --- | --- | --: | --: | --: |")
    for ours, theirs, kind, claimed in RATIOS:
        one, other = results.get((ours, kind)), results.get((theirs, kind))
        if one and other:
            lines.append(
                f"| {kind} | {ours} | {theirs} | {claimed:g} | {one.rate() / other.rate():.2f} "
                f"| {one.cpu_rate() / other.cpu_rate():.2f} |"
            )
    return lines


def details(results: Results) -> list[str]:
    """A row for each server and kind of work."""
    lines = ["| | work | p50 ms | p99 ms | PostgreSQL µs |", "| --- | --- | --: | --: | --: |"]
    for name in dict.fromkeys(name for name, _ in results):
        for kind in KINDS:
            if one := results.get((name, kind)):
                lines.append(
                    f"| {name} | {kind} | {one.percentile(50):.2f} | {one.percentile(99):.2f} "
                    f"| {one.database():,.0f} |"
                )
    return lines


def versions() -> str:
    """Of everything that is measured."""
    found = [f"Python {platform.python_version()}", _said(programs() / "postgres", "--version")]
    for name in ("oidc-provider", "pg"):
        package = json.loads((OIDC_PACKAGES / name / "package.json").read_text())
        found.append(f"{name} {package['version']}")
    ask = (
        f"from importlib.metadata import version\nfor n in {PYTHON_PACKAGES}: print(n, version(n))"
    )
    return ", ".join([*found, *_said(PYTHON, "-c", ask).splitlines()])


def _said(program: Path, *words: str) -> str:
    return subprocess.run(
        [program, *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def write(text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put it between two marks in the README."""
    before, _, rest = README.read_text().partition(begin)
    _, _, after = rest.partition(end)
    README.write_text(f"{before}{begin}\n{text}\n{end}{after}")
