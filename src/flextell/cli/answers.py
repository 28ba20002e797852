"""What commands print: lines and tables for people, exact JSON for scripts."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from flextell.exits import ExitCode

# A table that no person sees is not cut to a width.
WIDTH_OF_A_PIPE = 10_000


def answer(value: Any, text: str, as_json: bool) -> None:
    """Print what a command did: `value` as one line of JSON, or `text`."""
    typer.echo(json.dumps(value) if as_json else text)


def complain(sentence: str, code: ExitCode, as_json: bool) -> None:
    """Print on standard error why the command ends."""
    error = {"error": code.name.lower(), "message": sentence}
    typer.echo(json.dumps(error) if as_json else sentence, err=True)


def fields(value: dict[str, Any]) -> str:
    """One `name: value` a line; values in line with each other, lists one item a line."""
    width = max(len(name) for name in value) + 2
    return "\n".join(
        f"{name + ':' if not index else '':<{width}}{item}"
        for name, content in value.items()
        for index, item in enumerate(content if isinstance(content, list) else [_word(content)])
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]], as_json: bool, value: Any) -> None:
    """Print a list: `value` as JSON, or rows under a header."""
    if as_json:
        return answer(value, "", as_json)
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, highlight=False)
    grid = Table(*header, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    with console.capture() as printed:
        console.print(grid)
    typer.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def when(seconds: int | None) -> str:
    """A time for people, in UTC."""
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def count(number: int, one: str) -> str:
    """`1 grant`, `2 grants`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def _word(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "-"
    return str(value)
