"""The options that commands share, and the settings that they and the environment name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flextell.exits import ExitCode, ExitError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from flextell.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the database, the keys and the certificate. [FLEXTELL_DATA_DIR]",
        metavar="DIR",
        show_default=False,
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        help="Database URL (postgresql://...); empty: SQLite in DIR. [FLEXTELL_DATABASE]",
        metavar="URL",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, also of errors (on standard error).")
]


def settings_from(**given: Any) -> "Settings":
    """The settings: options that were given (not None) win over the environment.

    Raises ExitError (USAGE) that names the wrong setting, never its value.
    """
    from pydantic import ValidationError

    from flextell.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise ExitError(_sentence(error), ExitCode.USAGE) from None


def _sentence(error: "ValidationError") -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else "settings"
    return f"The setting {name} (FLEXTELL_{name.upper()}) is wrong: {_reason(problem)}."


def _reason(problem: "ErrorDetails") -> str:
    """Why, in a line. An error inside a check of ours would quote the value: it is looked into."""
    cause = problem.get("ctx", {}).get("error")
    inner = getattr(cause, "errors", None)
    if inner is not None:
        return _reason(inner(include_url=False, include_input=False)[0])
    reason = problem["msg"].removeprefix("Value error, ").removesuffix(".")
    return reason if reason[:2].isupper() else reason[:1].lower() + reason[1:]
