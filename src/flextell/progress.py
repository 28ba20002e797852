"""What a long piece of work tells of its way."""

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """So much of a step is done; `total` is an estimate, 0 where nobody knows."""

    step: str
    done: int
    total: int


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """For those who do not want to know."""
