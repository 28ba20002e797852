"""Start Authlib's provider: gunicorn, SQLAlchemy's pool, PostgreSQL."""

from contextlib import AbstractContextManager

from benchmarks.peers.gunicorn import in_gunicorn
from benchmarks.server import Paths, Server

PATHS = Paths(customer="", customers="", sign_in="/sign-in")
HERE = "benchmarks.peers.authlib_flask"


def authlib_flask(core: int, database: str) -> AbstractContextManager[Server]:
    """It runs while the body does."""
    return in_gunicorn(core, database, f"{HERE}.models", f"{HERE}.app:app", PATHS)
