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


def made(make: Callable[..., Operation[object]]) -> Operation[object]:
    """The operation, with 7 for every id in its path."""
    taken = inspect.signature(make).parameters.values()
    return make(*(7 for each in taken if each.annotation is int or each.name == "role_ids"))


def test_the_sdk_has_an_operation_for_every_endpoint() -> None:
    """With an id in the place of what a row's path calls by name."""
    known = {(made(make).method, made(make).path) for make in MAKERS}

    assert known == {(row.method, re.sub(r"\{\w+\}", "7", row.path)) for row in TABLE}
