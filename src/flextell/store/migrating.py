"""Bring a schema up to date while servers use it.

A migration is a file in `migrations/versions`. Its `upgrade` runs in one short transaction; what
takes long is named in `steps`, which run after it and are remembered in `migration_steps` until
they are done: `Backfill` in batches, `Online` as statements that keep nobody waiting. The next
migration begins when the steps of the one before are done.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from flextell.progress import Progress, Report
from flextell.store.backfill import Backfill, fill, forget
from flextell.store.standing import standing_of, version_of
from flextell.store.taking_turns import is_in_use, turn

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import Script

MIGRATIONS = Path(str(resources.files("flextell.store") / "migrations"))
VERSIONS = (MIGRATIONS / "versions",)

_ONE_MIGRATES = 0x666C7805
_WAIT_SECONDS = 0.2
# A change of a table waits for whoever reads it, and everybody who comes later waits behind it. So
# it does not wait for long, and tries again when those behind it have had their turn.
LOCK_MILLISECONDS = 250
LOCK_TRIES = 60
LOCK_PAUSE_SECONDS = 1.0


class StillLocked(Exception):
    """Somebody holds a table for so long that it could not be changed."""


@dataclass(frozen=True, slots=True)
class Online:
    """Statements for PostgreSQL that may take long, each alone, repeated if they were cut short.

    They take no lock that others wait for: CREATE INDEX CONCURRENTLY (after DROP INDEX IF EXISTS,
    for one that was cut short is invalid), VALIDATE CONSTRAINT. SQLite has no such thing: its
    statements run in one transaction, and those who write wait.
    """

    name: str
    postgresql: tuple[str, ...] = ()
    sqlite: tuple[str, ...] = ()


Step = Backfill | Online


def bring_up_to_date(
    engine: Engine, report: Report, versions: Sequence[Path] = VERSIONS
) -> str | None:
    """Run what has not run yet, in order; say which migration the database is at.

    Of several programs that do it at once one does it, and the others find it done. Raises
    StillLocked and SQLAlchemy's errors; what was done by then is kept.
    """
    # A third of a second, paid only when there is something to migrate.
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = _config(versions)
    scripts = list(reversed(list(ScriptDirectory.from_config(config).walk_revisions())))
    with _alone(engine, report):
        while True:
            for step in _unfinished(engine, scripts):
                _finish(engine, step, report)
            with engine.connect() as connection:
                script = _next(scripts, version_of(connection))
            if script is None:
                return scripts[-1].revision
            _expand(engine, config, script, report)


def _config(versions: Sequence[Path]) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, versions)).replace("%", "%%"))
    return config


@contextmanager
def _alone(engine: Engine, report: Report) -> Iterator[None]:
    """Let nobody else migrate. SQLite needs no lock for it: each transaction there is alone."""
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Asked again and again: a statement that waits would itself be an old transaction, for
        # which CREATE INDEX CONCURRENTLY waits.
        lock = f"SELECT pg_try_advisory_lock({_ONE_MIGRATES})"
        while not connection.exec_driver_sql(lock).scalar():
            report(Progress("Waiting for another migration", 0, 0))
            time.sleep(_WAIT_SECONDS)
        yield


def _next(scripts: "Sequence[Script]", version: str | None) -> "Script | None":
    return next((script for script in scripts if script.down_revision == version), None)


def _expand(engine: Engine, config: "Config", script: "Script", report: Report) -> None:
    """Run one `upgrade` and note its steps, whole or not at all."""
    for _ in range(LOCK_TRIES):
        try:
            with engine.connect() as connection, turn(connection, LOCK_MILLISECONDS):
                if version_of(connection) == script.down_revision:
                    _upgrade(connection, config, script)
            return
        except DBAPIError as error:
            if not is_in_use(error):
                raise
        report(Progress("Waiting for a table that is in use", 0, 0))
        time.sleep(LOCK_PAUSE_SECONDS)
    raise StillLocked


def _upgrade(connection: Connection, config: "Config", script: "Script") -> None:
    from alembic import command  # noqa: PLC0415

    config.attributes["connection"] = connection
    command.upgrade(config, script.revision)
    for number, step in enumerate(_steps(script)):
        connection.execute(
            text("INSERT INTO migration_steps (name, number, done) VALUES (:name, :number, 0)"),
            {"name": step.name, "number": number},
        )


def _steps(script: "Script") -> tuple[Step, ...]:
    steps: tuple[Step, ...] = getattr(script.module, "steps", ())
    return steps


def _unfinished(engine: Engine, scripts: "Sequence[Script]") -> list[Step]:
    """What a migration left to be done, in order."""
    with engine.connect() as connection:
        if not standing_of(connection).unfinished:
            return []
        names = connection.execute(text("SELECT name FROM migration_steps ORDER BY number"))
        known = {step.name: step for script in scripts for step in _steps(script)}
        return [known[name] for (name,) in names]


def _finish(engine: Engine, step: Step, report: Report) -> None:
    if isinstance(step, Backfill):
        with engine.connect() as connection:
            fill(connection, step, report)
        return
    report(Progress(step.name, 0, 0))
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection, turn(connection, LOCK_MILLISECONDS):
            _run(connection, step.name, step.sqlite)
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _run(connection, step.name, step.postgresql)


def _run(connection: Connection, name: str, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)
    forget(connection, name)
