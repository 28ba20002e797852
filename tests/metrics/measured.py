"""What Prometheus would read of a node, as a table that tests can ask."""

from collections.abc import Callable
from typing import Any

from flextell.metrics import Metrics


class Measured:
    """The numbers of a node since this was made: what a test did, not what came before it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._before = self._read()

    def _read(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self._metrics.collect()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """By how much the sample with exactly these labels has grown."""
        key = name, frozenset(labels.items())
        return self._read().get(key, 0) - self._before.get(key, 0)

    def now(self, name: str, **labels: str) -> float:
        """What it is."""
        return self._read()[name, frozenset(labels.items())]


def series(metrics: Metrics) -> set[tuple[str, Any]]:
    """Every sample there is: its name and its labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in metrics.collect()
        for sample in family.samples
    }


Measure = Callable[..., float]
