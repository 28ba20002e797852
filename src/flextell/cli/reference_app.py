"""The app of the page /docs: registered once for each address of a server, and found again."""

from flextell.oauth import reference_app
from flextell.oauth.model import Client
from flextell.oauth.registration import new_client
from flextell.sources import SYSTEM
from flextell.store.port import Unit


def reference_app_of(unit: Unit, issuer: str) -> Client:
    """The app of this issuer's page, made if there is none."""
    known = reference_app.registered(unit.clients.all(), issuer)
    if known is not None:
        return known
    made = new_client(reference_app.wish(issuer), SYSTEM.random, SYSTEM.now()).client
    unit.clients.add(made)
    return made
