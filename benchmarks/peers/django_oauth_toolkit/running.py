"""Start django-oauth-toolkit: gunicorn, Django's own pool, PostgreSQL."""

from contextlib import AbstractContextManager

from benchmarks.peers.gunicorn import CLIENT_ID, in_gunicorn
from benchmarks.server import Paths, Server

PATHS = Paths(
    authorize="/o/authorize/",
    token="/o/token/",
    introspect="/o/introspect/",
    customer="",
    customers="",
    sign_in="/sign-in",
)
# An app of the toolkit has one kind of grant, and refreshing.
OWN_CLIENT_ID = f"{CLIENT_ID}-itself"
HERE = "benchmarks.peers.django_oauth_toolkit"


def django_oauth_toolkit(core: int, database: str) -> AbstractContextManager[Server]:
    """It runs while the body does."""
    return in_gunicorn(
        core, database, f"{HERE}.prepare", f"{HERE}.wsgi:application", PATHS, OWN_CLIENT_ID
    )
