"""Where a database stands: which migration it is at, and which programs can use it so."""

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text

# What this program needs. A version that ends in "_since_NUMBER" can also be used by the programs
# from that number on: they may go on running, and start again, while it is migrated and afterwards.
HEAD = "0013_since_0001"
SINCE = "_since_"


class SchemaOutdated(Exception):
    """The database was made by another version; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The migration a database is at (None: it is empty), and whether steps of it are left."""

    version: str | None
    unfinished: bool = False

    @property
    def ready(self) -> bool:
        """Whether this program can use it, also if a newer one migrated it in a way we can bear."""
        if self.version == HEAD:
            return not self.unfinished
        return self.newer and _number(HEAD) >= _oldest_program(self.version or "")

    @property
    def newer(self) -> bool:
        """Whether a newer program migrated it."""
        return self.version is not None and _number(self.version) > _number(HEAD)

    def refuse_newer(self) -> None:
        """Raises SchemaOutdated if only a newer program can use it."""
        if self.newer and not self.ready:
            raise SchemaOutdated("The database is newer than this program; install a newer one.")


def standing_of(connection: Connection) -> Standing:
    """Where this database stands."""
    return Standing(version_of(connection), _is_unfinished(connection))


def version_of(connection: Connection) -> str | None:
    """The migration that a database is at; None if it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    return version


def _is_unfinished(connection: Connection) -> bool:
    if not inspect(connection).has_table("migration_steps"):
        return False
    return connection.execute(text("SELECT 1 FROM migration_steps")).first() is not None


def _number(version: str) -> str:
    return version.partition(SINCE)[0]


def _oldest_program(version: str) -> str:
    number, _, oldest = version.partition(SINCE)
    return oldest or number
