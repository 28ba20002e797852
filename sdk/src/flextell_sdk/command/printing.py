"""What commands print: exact JSON for scripts, lines for people, nothing that steers a terminal."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any


def print_json(value: Any) -> None:
    """On a terminal for reading; else one line of ASCII, the same for every script."""
    if sys.stdout.isatty():
        print(printable(json.dumps(value, indent=2, ensure_ascii=False), keep="\n"))
    else:
        print(json.dumps(value))


def print_line(text: str) -> None:
    """A sentence for a person."""
    print(printable(text))


def print_table(rows: Mapping[str, Iterable[str]]) -> None:
    """One `Name:  value` a line, values in line with each other; several values one a line."""
    width = max(map(len, rows)) + 3
    for name, values in rows.items():
        for count, line in enumerate(values):
            print(f"{'' if count else name + ':':<{width}}{printable(line)}")


def complain(sentence: str) -> None:
    """Say on standard error why there is nothing else."""
    print(printable(sentence), file=sys.stderr)


def printable(text: str, keep: str = "") -> str:
    """The text without what a terminal would obey: it may come from anywhere."""
    return "".join(c if c.isprintable() or c in keep else _named(c) for c in text)


def moment(seconds: float) -> str:
    """A time for people and scripts alike, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _named(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
