"""Open the database that the settings name, and bring its schema up to date.

The embedded database migrates itself; a shared one is migrated by command, so that many nodes
can start while one person decides when.
"""

import os
import sqlite3
import tempfile
from contextlib import suppress
from importlib import resources
from pathlib import Path

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from flextell.settings import Settings
from flextell.store import sqlite
from flextell.store.port import Store, StoreUnavailable
from flextell.store.sqlite import SqliteStore
from flextell.store.watch import UNWATCHED, Watch

HEAD = "0001"
DATABASE_FILE = "flextell.db"
_ONE_MIGRATES = 0x666C7805


class SchemaOutdated(Exception):
    """The database was made by another version; the text says what to do."""


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


def open_store(settings: Settings, watch: Watch = UNWATCHED) -> Store:
    """The store, ready for use; it tells `watch` of its work.

    Raises StoreUnavailable or SchemaOutdated.
    """
    url = database_url(settings)
    embedded = url.get_backend_name() == "sqlite"
    if schema_version(url) != HEAD:
        if not embedded:
            _refuse_newer(schema_version(url))
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


def _refuse_newer(version: str | None) -> None:
    if version is not None and version > HEAD:
        raise SchemaOutdated("The database is newer than this program; install a newer one.")


def schema_version(url: URL) -> str | None:
    """The migration the database is at; None if it is empty. Raises StoreUnavailable.

    Read without Alembic, which takes a third of a second to load. Makes no file.
    """
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return None
    try:
        with engine(url).connect() as connection:
            return _version(connection)
    except SQLAlchemyError as error:
        raise _unavailable(
            error, "The database cannot be opened; check that it exists, runs and may be used."
        ) from error


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    return version


def engine(url: URL, wait_seconds: int = 5) -> Engine:
    """A SQLAlchemy engine, for migrations and for what is not worth a store."""
    if url.get_backend_name() == "sqlite":
        made, wait = url.set(drivername="sqlite"), {"timeout": wait_seconds}
    else:
        made, wait = url.set(drivername="postgresql+psycopg"), {"connect_timeout": wait_seconds}
    return create_engine(made, poolclass=NullPool, connect_args=wait)


def _migrating(url: URL, wait_seconds: int) -> Engine:
    """An engine whose transaction is alone and keeps a migration whole or not at all."""
    made = engine(url, wait_seconds)
    if url.get_backend_name() == "sqlite":
        # Left to itself the driver commits each CREATE TABLE: a start that is cut short would
        # leave half a schema behind, which no later start could mend.
        event.listen(made, "connect", _leave_transactions_to_us)
        event.listen(made, "begin", _begin_as_only_writer)
    else:
        event.listen(made, "begin", _wait_for_other_migrations)
    return made


def _leave_transactions_to_us(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None


def _begin_as_only_writer(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _wait_for_other_migrations(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_MIGRATES})")


def migrate(settings: Settings) -> str:
    """Bring the schema up to date, whole or not at all; say which migration it is at.

    Of several programs that do it at once one does it, and the others find it done.
    Raises StoreUnavailable, SchemaOutdated.
    """
    url, wait_seconds = database_url(settings), settings.database_wait_seconds
    try:
        if url.get_backend_name() == "sqlite":
            _make_file(Path(url.database or ""), wait_seconds)
        with _migrating(url, wait_seconds).begin() as connection:
            version = _version(connection)
            _refuse_newer(version)
            if version != HEAD:
                _upgrade(connection)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _unavailable(
            error, "The database could not be migrated; check that it is running and writable."
        ) from error
    return HEAD


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


def _upgrade(connection: Connection) -> None:
    # A third of a second, paid only when there is something to migrate.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option(
        "script_location", str(resources.files("flextell.store") / "migrations").replace("%", "%%")
    )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _unavailable(error: SQLAlchemyError | sqlite3.Error, otherwise: str) -> StoreUnavailable:
    """The store's own words where SQLite says what is wrong, else the sentence given."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    known = sqlite.translate(cause) if isinstance(cause, sqlite3.Error) else None
    return known or StoreUnavailable(otherwise)
