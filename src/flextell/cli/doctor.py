"""`flextell doctor`: is everything in place for a server, and does a running one answer?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from flextell.cli.answers import answer
from flextell.cli.options import Database, DataDir, Json, settings_from

if TYPE_CHECKING:
    from flextell.cli.examination import Finding

WIDTH_OF_STATE = 6


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command("doctor")(doctor)


def doctor(
    data_dir: DataDir = None,
    database: Database = None,
    host: Annotated[str | None, typer.Option(help="As for serve.", metavar="ADDRESS")] = None,
    port: Annotated[int | None, typer.Option(help="As for serve.")] = None,
    issuer: Annotated[str | None, typer.Option(help="As for serve.", metavar="URL")] = None,
    as_json: Json = False,
) -> None:
    """Check that all is in place.

    Looks at the data directory, database, keys, certificate, address, issuer and clock, and
    asks a running server for an answer. Changes nothing. Each line begins with ok, warn or fail;
    the command leaves with 0 or the exit code of the first failure.

    \b
    Examples:
      flextell doctor --data-dir /var/lib/flextell
      flextell doctor --json
    """
    from flextell.cli.examination import examine

    settings = settings_from(
        data_dir=data_dir, database=database, host=host, port=port, issuer=issuer
    )
    findings = list(examine(settings))
    code = next((f.code for f in findings if f.state == "fail"), 0)
    checks = [{"check": f.check, "state": f.state, "message": f.message} for f in findings]
    answer({"ok": not code, "checks": checks}, "\n".join(_lines(findings)), as_json)
    raise typer.Exit(code)


def _lines(findings: "list[Finding]") -> Iterator[str]:
    width = max(len(f.check) for f in findings) + 2
    for f in findings:
        yield f"{f.state:<{WIDTH_OF_STATE}}{f.check:<{width}}{f.message}"
