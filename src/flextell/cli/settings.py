"""`flextell settings`: everything an operator may change."""

import re
from typing import Any

import typer

from flextell.cli.answers import table
from flextell.cli.options import Database, DataDir, Json, settings_from

# scheme://user:password@host; the last "@" ends the password, which may hold any other sign
_PASSWORD = re.compile(r"(?<=://)([^:/@?]*):.*@")
_QUERY = re.compile(r"\?.*")


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command("settings")(list_settings)


def list_settings(
    data_dir: DataDir = None, database: Database = None, as_json: Json = False
) -> None:
    """List every setting.

    With its environment variable, unit, default, and value if it is set.

    \b
    Examples:
      flextell settings
      FLEXTELL_CODE_SECONDS=30 flextell settings --json
    """
    from flextell.settings import table as lines

    current = settings_from(data_dir=data_dir, database=database)
    values = [
        line._asdict()
        | {
            "value": printable(getattr(current, line.name))
            if line.name in current.model_fields_set
            else None
        }
        for line in lines()
    ]
    header = ("VARIABLE", "VALUE", "DEFAULT", "UNIT", "MEANING")
    rows = [(v["variable"], v["value"] or "", v["default"], v["unit"], v["help"]) for v in values]
    table(header, rows, as_json, values)


def printable(value: Any) -> str:
    """A value as it may be shown: of a URL that can hold a password, only where it leads."""
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return _QUERY.sub("?***", _PASSWORD.sub(r"\1:***@", text)) if "://" in text else text
