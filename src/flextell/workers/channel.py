"""What a parent and its worker say to each other on a socket pair: lines of JSON.

    parent → worker    {"settings": {...}, "door": 3}         before the worker does anything
    worker → parent    {"ready": true}                        once it answers requests
                       {"failed": "A sentence.", "code": 8}   or else, before it leaves
    parent → worker    "health", "metrics"                    each of which gets one line back
                       "leave"                                which gets none

When the other end is gone, the other process is gone, however it died.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from prometheus_client.core import Metric as Family

from flextell.management import Subject

# The longest line is the metrics of a worker.
LINE_BYTES = 16 * 1024 * 1024


def line(value: object) -> bytes:
    """One message."""
    return orjson.dumps(value) + b"\n"


async def answer(question: str, subject: Subject) -> bytes:
    """The worker's line for a question of its parent."""
    if question == "metrics":
        return line(list(_packed(await subject.families())))
    health = await subject.health()
    return line({"failed": health.failed})


def _packed(families: Iterable[Family]) -> Iterator[list[Any]]:
    for family in families:
        samples = [(sample.name, sample.labels, sample.value) for sample in family.samples]
        yield [family.name, family.documentation, family.type, samples]


def families_in(told: Any, **labels: str) -> Iterator[Family]:
    """What a worker told of its metrics; every sample gets these labels too."""
    for name, documentation, kind, samples in told:
        family = Family(name, documentation, kind)
        for sample, own, value in samples:
            family.add_sample(sample, {**own, **labels}, value)
        yield family
