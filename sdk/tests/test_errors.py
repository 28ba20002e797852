"""Errors: the tree that is drawn is the tree that is, and each says what its reader needs."""

import inspect
import re

import pytest

from flextell_sdk import errors
from flextell_sdk.errors import ApiError, FlextellError, InsufficientScope, kind_of


def drawn() -> dict[str, str]:
    """Each class of the drawing with the one above it."""
    above: dict[int, str] = {}
    tree = {}
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        found = re.match(r" *((?:│   |    )*)(?:[├└]── )?([A-Z]\w+)(?:  |$)", line.rstrip())
        if found and line.strip():
            depth = line.index(found[2]) // 4
            above[depth] = found[2]
            tree[found[2]] = above.get(depth - 1, "")
    return tree


def test_the_tree_in_the_documentation_is_the_tree_of_classes() -> None:
    classes = {
        name: "" if each is FlextellError else each.__mro__[1].__name__
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, FlextellError)
    }

    assert drawn() == classes


KINDS = {
    400: "BadRequest",
    401: "Unauthorized",
    402: "ApiError",
    403: "Forbidden",
    404: "NotFound",
    405: "ApiError",
    409: "Conflict",
    412: "Conflict",
    418: "ApiError",
    422: "Invalid",
    429: "RateLimited",
    500: "ServerFailed",
    503: "ServerFailed",
    599: "ServerFailed",
}


@pytest.mark.parametrize(("status", "kind"), KINDS.items())
def test_a_status_has_its_class(status: int, kind: str) -> None:
    assert kind_of(status, "whatever").__name__ == kind


def test_of_the_forbidden_calls_one_kind_can_be_mended() -> None:
    assert kind_of(403, "insufficient_scope") is InsufficientScope
    assert kind_of(400, "insufficient_scope").__name__ == "BadRequest"


def test_an_error_of_the_api_says_what_its_operator_will_ask_for() -> None:
    problem = ApiError(404, "not_found", "There is no customer with this id.", "r-1")

    assert str(problem) == "404 not_found: There is no customer with this id. (request r-1)"
    assert str(ApiError(404, "not_found", "Gone.")) == "404 not_found: Gone."
