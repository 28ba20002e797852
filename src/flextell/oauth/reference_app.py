"""The app of the API's reference page: public, with PKCE, and of one address (RFC 9700 §2.1.1).

Whoever may register apps could register one like it: which one the page uses is a setting.
"""

from collections.abc import Iterable

from flextell.oauth import scopes
from flextell.oauth.model import Client
from flextell.oauth.registration import Wish

NAME = "API reference"
REDIRECT_PATH = "/docs/oauth2-redirect"


def redirect_uri(issuer: str) -> str:
    """Where the page has its codes sent."""
    return issuer + REDIRECT_PATH


def wish(issuer: str) -> Wish:
    """What to register: people may try every endpoint, and choose the scopes themselves."""
    return Wish(
        name=NAME,
        publisher="Flextell",
        redirect_uris=(redirect_uri(issuer),),
        scope=scopes.text(scopes.CATALOGUE),
        public=True,
    )


def registered(clients: Iterable[Client], issuer: str) -> Client | None:
    """The one that was made of that wish before."""
    wished = wish(issuer)
    return next(
        (
            client
            for client in clients
            if client.name == NAME
            and client.redirect_uris == wished.redirect_uris
            and client.scopes == scopes.parse(wished.scope)
            and not client.confidential
        ),
        None,
    )
