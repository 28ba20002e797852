"""Open the database that the settings name, and bring its schema up to date.

The embedded database migrates itself; a shared one is migrated by command, so that many nodes
can start while one person decides when.
"""

import os
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from flextell.progress import Report, silent
from flextell.settings import Settings
from flextell.store import sqlite
from flextell.store.migrating import VERSIONS, StillLocked, bring_up_to_date
from flextell.store.port import Store, StoreUnavailable
from flextell.store.sqlite_store import SqliteStore
from flextell.store.standing import SchemaOutdated, Standing, standing_of
from flextell.store.watch import UNWATCHED, Watch

_PASSES_WALLS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
DATABASE_FILE = "flextell.db"
STILL_LOCKED = (
    "A long query or transaction holds a table that must be changed; end it, or wait, and migrate "
    "again: what was done is kept."
)

BAD_CERTIFICATE = (
    "The database server did not prove who it is; check the host name and sslrootcert in "
    "FLEXTELL_DATABASE, and the server's certificate."
)


def database_url(settings: Settings) -> URL:
    """Where the database is. Raises StoreUnavailable if the setting is no URL of ours."""
    if not settings.database:
        return URL.create("sqlite", database=str(settings.data_dir / DATABASE_FILE))
    try:
        url = make_url(settings.database)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise StoreUnavailable("FLEXTELL_DATABASE is not a database URL.") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreUnavailable("FLEXTELL_DATABASE must begin with postgresql:// or sqlite://.")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreUnavailable("FLEXTELL_DATABASE must name a file: sqlite:////path/to/file.")
    return url


def is_shared(settings: Settings) -> bool:
    """Whether several processes may serve from this database. Raises StoreUnavailable."""
    return database_url(settings).get_backend_name() == "postgresql"


def open_store(settings: Settings, watch: Watch = UNWATCHED) -> Store:
    """The store, ready for use; it tells `watch` of its work.

    Raises StoreUnavailable or SchemaOutdated.
    """
    url = database_url(settings)
    embedded = url.get_backend_name() == "sqlite"
    found = standing(url)
    if not found.ready:
        found.refuse_newer()
        if not embedded:
            raise SchemaOutdated("The database must be migrated first: run flextell migrate.")
        migrate(settings)
    if embedded:
        return SqliteStore(
            Path(url.database or ""),
            settings.database_wait_seconds,
            settings.used_code_retention_seconds,
            watch,
        )
    # Imported where it is used: the embedded server starts without the driver.
    from flextell.store.postgresql import PostgresqlStore  # noqa: PLC0415

    return PostgresqlStore(
        _libpq(url),
        settings.database_pool_connections,
        settings.database_wait_seconds,
        settings.used_code_retention_seconds,
        watch,
    )


def _libpq(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def standing(url: URL) -> Standing:
    """Where the database stands. Raises StoreUnavailable.

    Read without Alembic, which takes a third of a second to load. Makes no file.
    """
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return Standing(None)
    try:
        with engine(url).connect() as connection:
            return standing_of(connection)
    except SQLAlchemyError as error:
        raise _unavailable(
            error, "The database cannot be opened; check that it exists, runs and may be used."
        ) from error


def passes_walls(url: URL) -> bool:
    """Whether PostgreSQL shows this user every tenant's rows, whatever a unit of work said.

    Raises StoreUnavailable.
    """
    if url.get_backend_name() == "sqlite":
        return False
    try:
        with engine(url).connect() as connection:
            return bool(connection.execute(text(_PASSES_WALLS)).scalar())
    except SQLAlchemyError as error:
        raise _unavailable(error, "The database cannot be asked what its user may do.") from error


def engine(url: URL, wait_seconds: int = 5) -> Engine:
    """A SQLAlchemy engine, for migrations and for what is not worth a store."""
    if url.get_backend_name() == "sqlite":
        made = url.set(drivername="sqlite")
        # We say BEGIN ourselves: the driver would commit each CREATE TABLE by itself, and a start
        # that is cut short would leave half a schema behind, which no later start could mend.
        how: dict[str, Any] = {"timeout": wait_seconds, "isolation_level": None}
    else:
        made, how = url.set(drivername="postgresql+psycopg"), {"connect_timeout": wait_seconds}
    return create_engine(made, poolclass=NullPool, connect_args=how)


def migrate(
    settings: Settings, report: Report = silent, versions: Sequence[Path] = VERSIONS
) -> str | None:
    """Bring the schema up to date, while servers use it; say which migration it is at.

    Each migration is whole or not at all; what takes long goes on where it was cut short. Of many
    programs that do it at once one does it, and the others find it done. Raises StoreUnavailable,
    SchemaOutdated.
    """
    url, wait_seconds = database_url(settings), settings.database_wait_seconds
    try:
        if url.get_backend_name() == "sqlite":
            _make_file(Path(url.database or ""), wait_seconds)
        found = standing(url)
        found.refuse_newer()
        if found.newer:
            return found.version
        return bring_up_to_date(engine(url, wait_seconds), report, versions)
    except StillLocked as error:
        raise StoreUnavailable(STILL_LOCKED) from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _unavailable(
            error, "The database could not be migrated; check that it is running and writable."
        ) from error


def _make_file(path: Path, wait_seconds: float) -> None:
    """The file, readable by nobody else, in the mode that all its users share.

    It appears whole, already in WAL mode: of two that switch the mode of one file at once, SQLite
    refuses one without waiting.
    """
    try:
        if not path.exists():
            with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
                made = Path(folder) / path.name
                made.touch(mode=0o600)
                sqlite.connect(made, wait_seconds).close()
                with suppress(FileExistsError):  # somebody else was first
                    os.link(made, path)
    except OSError as error:
        reason = error.strerror or "an unknown error"
        raise StoreUnavailable(
            f"The database cannot be opened ({reason}); check the folder it is in."
        ) from error
    sqlite.connect(path, wait_seconds).close()


def _unavailable(error: SQLAlchemyError | sqlite3.Error, otherwise: str) -> StoreUnavailable:
    """The store's own words where SQLite says what is wrong, else the sentence given."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    known = sqlite.translate(cause) if isinstance(cause, sqlite3.Error) else None
    if "certificate" in str(cause):  # libpq has one kind of error for all that happens here
        otherwise = BAD_CERTIFICATE
    return known or StoreUnavailable(otherwise)
