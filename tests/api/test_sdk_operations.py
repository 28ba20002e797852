"""The SDK knows every endpoint of the API, and no other."""

import inspect
import re
from collections.abc import Callable

from flextell.api.routes import TABLE
from flextell_sdk.api import operations
from flextell_sdk.api.operation import Operation

MAKERS = [
    make
    for name, make in vars(operations).items()
    if inspect.isfunction(make) and make.__module__ == operations.__name__
    if not name.startswith("_") and name not in ("one", "data")
]


# What is given for a parameter without a default that is no id.
SAMPLES: dict[str, object] = {"role_ids": [7], "name": "a.png", "content": b"png"}


def made(make: Callable[..., Operation[object]]) -> Operation[object]:
    """The operation, with 7 for every id in its path."""
    taken = inspect.signature(make).parameters.values()
    needed = [each for each in taken if each.kind is each.POSITIONAL_OR_KEYWORD]
    return make(*(SAMPLES.get(each.name, 7) for each in needed))


def test_the_sdk_has_an_operation_for_every_endpoint() -> None:
    """With an id in the place of what a row's path calls by name."""
    known = {(made(make).method, made(make).path) for make in MAKERS}

    assert known == {(row.method, re.sub(r"\{\w+\}", "7", row.path)) for row in TABLE}
