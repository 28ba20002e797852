"""`flextell serve` and `flextell migrate`: run a node, prepare its database."""

import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flextell.cli.answers import answer
from flextell.cli.opened import ready_folder, sentences
from flextell.cli.options import Database, DataDir, Json, settings_from
from flextell.cli.progress import told

if TYPE_CHECKING:
    from flextell.settings import Settings

log = logging.getLogger(__name__)

# -P: what lies in the directory that the server was started in is not to be imported.
WORKER = (sys.executable, "-P", "-m", "flextell.cli.worker")
IGNORED = "No setting has this name, so it is ignored: {}. `flextell settings` lists them all."


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command("serve")(serve)
    app.command("migrate")(migrate)


def serve(
    data_dir: DataDir = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. [FLEXTELL_HOST, 127.0.0.1]", metavar="ADDRESS"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; 0: a free one. [FLEXTELL_PORT, 8443]"),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(
            help="Public https URL of this server. [FLEXTELL_ISSUER, https://localhost:PORT]",
            metavar="URL",
        ),
    ] = None,
    database: Database = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes that share the port; on PostgreSQL. [FLEXTELL_WORKERS, 1]",
            metavar="N",
        ),
    ] = None,
    management_port: Annotated[
        int | None,
        typer.Option(
            help="Port of health checks and metrics. [FLEXTELL_MANAGEMENT_PORT, none]",
            metavar="PORT",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the server.

    It stops on SIGINT or SIGTERM, after the answers that are under way; a second signal ends it
    at once. On an empty data directory it sets itself up: database, keys,
    and a certificate for localhost. It prints one line when it is ready and writes the same to
    DIR/ready.json. The log goes to standard error, one JSON object a line.

    \b
    Examples:
      flextell serve --data-dir /var/lib/flextell
      flextell serve --data-dir DIR --host 0.0.0.0 --port 443 --issuer https://id.example.com \\
          --database postgresql://flextell@db.example.com/flextell --workers 4 \\
          --management-port 9090
    """
    from flextell.settings import unknown_variables, variables

    settings = settings_from(
        data_dir=data_dir,
        host=host,
        port=port,
        issuer=issuer,
        database=database,
        workers=workers,
        management_port=management_port,
    )
    open_log(settings.log_level)
    if unknown := unknown_variables(variables()):
        log.warning(IGNORED.format(", ".join(unknown)))
    if settings.workers == 1:
        _serve_alone(settings)
    else:
        from flextell.workers.supervisor import supervise

        supervise(settings, WORKER)


def _serve_alone(settings: "Settings") -> None:
    from flextell.app import build_service
    from flextell.serving import serve

    with sentences(settings):
        serve(settings, build_service)


def open_log(level: str) -> None:
    """Send our log and that of the libraries to standard error, one JSON object a line."""
    import structlog

    from flextell import log

    log.configure(level)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ]
        )
    )
    # Libraries speak only when something is wrong.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("flextell").setLevel(level.upper())


def migrate(data_dir: DataDir = None, database: Database = None, as_json: Json = False) -> None:
    """Bring the database up to date.

    The embedded one does it by itself when it is opened; what takes long is better done before,
    with this command. Nodes of the version before may go on running meanwhile, and start again.
    It can be interrupted: run it again, and it goes on where it was. With --json each line is an
    object: `step`, `done` and `total` on the way, `version` at the end.

    \b
    Examples:
      flextell migrate --database postgresql://flextell@db.example.com/flextell
      flextell migrate --data-dir /var/lib/flextell --json
    """
    from flextell.store.opening import migrate as bring_up_to_date

    settings = settings_from(data_dir=data_dir, database=database)
    try:
        with sentences(settings), told(as_json) as report:
            if not settings.database:
                ready_folder(settings.data_dir, make=True)
            version = bring_up_to_date(settings, report)
    except KeyboardInterrupt:
        typer.echo("Interrupted. What was done is kept: run it again to go on.", err=True)
        raise
    answer({"version": version}, f"The database is at version {version}.", as_json)
