"""What FastAPI writes into an OpenAPI document otherwise than it is."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from flextell.tenants.model import LARGEST_ID


def mend(made: dict[str, Any], failures: Sequence[int]) -> None:
    """Set a document right; the statuses of failures are said once for all operations."""
    _without_fastapi_errors(made)
    _without_null(made)
    _share_failures(made, failures)
    _whole_limits(made)


def _operations(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for methods in made["paths"].values() for operation in methods.values())


def _without_fastapi_errors(made: dict[str, Any]) -> None:
    """Take out the 422 that FastAPI adds to whatever has a parameter: we have our own, or none."""
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(name, None)
    for operation in _operations(made):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]


def _without_null(made: dict[str, Any]) -> None:
    """A parameter that is null is one that is not sent: nothing in a request says null."""
    for operation in _operations(made):
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            kinds = [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]
            schema |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}


def _whole_limits(value: Any) -> None:
    """Limits as they are: FastAPI makes a float of each, which for the largest id is another."""
    if isinstance(value, dict):
        for name in ("minimum", "maximum"):
            limit = value.get(name)
            if isinstance(limit, float) and limit.is_integer():
                value[name] = min(int(limit), LARGEST_ID)
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            _whole_limits(inner)


def _share_failures(made: dict[str, Any], statuses: Sequence[int]) -> None:
    """Say each failure once, for all operations: told with each they are most of the document."""
    shared = made["components"].setdefault("responses", {})
    for operation in _operations(made):
        for status in statuses:
            if said := operation["responses"].get(str(status)):
                name = HTTPStatus(status).name.title().replace("_", "")
                shared[name] = said
                operation["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
