"""How far a long command is: a bar for a person, lines for a script or a log."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from flextell.progress import Progress, Report, silent

if TYPE_CHECKING:
    from rich.progress import TaskID

JSON_LINES_EVERY_SECONDS = 1.0
LINES_EVERY_SECONDS = 10.0


@contextmanager
def bar(as_json: bool) -> Iterator[Report]:
    """A report that draws on a terminal while the body runs, and is silent elsewhere."""
    if as_json or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=Console(stderr=True)) as bars:

        def report(progress: Progress) -> None:
            if progress.step not in tasks:
                tasks[progress.step] = bars.add_task(progress.step, total=None)
            bars.update(tasks[progress.step], completed=progress.done, total=progress.total or None)

        yield report


@contextmanager
def told(as_json: bool) -> Iterator[Report]:
    """The bar; where nobody sees it a line now and then, with --json on standard output."""
    if as_json:
        yield _lines(JSON_LINES_EVERY_SECONDS, _as_json, err=False)
    elif sys.stderr.isatty():
        with bar(as_json) as report:
            yield report
    else:
        yield _lines(LINES_EVERY_SECONDS, _as_text, err=True)


def _lines(every_seconds: float, line: Callable[[Progress], str], *, err: bool) -> Report:
    """A report of the first and the last of each step, and of some between them."""
    told: dict[str, float] = {}

    def report(progress: Progress) -> None:
        now = time.monotonic()
        ended = progress.done == progress.total > 0
        if ended or now - told.get(progress.step, -every_seconds) >= every_seconds:
            told[progress.step] = now
            typer.echo(line(progress), err=err)

    return report


def _as_json(progress: Progress) -> str:
    return json.dumps(progress._asdict())


def _as_text(progress: Progress) -> str:
    step, done, total = progress
    return f"{step}: {done} of {total} ({done * 100 // total} %)" if total else f"{step} ..."
