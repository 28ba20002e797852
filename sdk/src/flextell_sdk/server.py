"""What a server says about itself: found from the issuer alone (RFC 8414, OpenID Discovery)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flextell_sdk.app import App
from flextell_sdk.errors import ServerMisconfigured


@dataclass(frozen=True, slots=True)
class Server:
    """The part of a server's metadata that a client needs.

    `names_itself`: it puts `iss` into every redirect (RFC 9207). An endpoint that the server does
    not have is empty.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str = ""
    introspection_endpoint: str = ""
    revocation_feed_endpoint: str = ""
    jwks_uri: str = ""
    names_itself: bool = False
    authentication_methods: tuple[str, ...] = ("client_secret_basic",)


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where to look, best first (RFC 8414 §3.1, §5; OpenID Connect Discovery §4.1)."""
    place = urlsplit(issuer)
    host, path = f"{place.scheme}://{place.netloc}", place.path.rstrip("/")
    urls = (
        f"{host}/.well-known/oauth-authorization-server{path}",
        f"{host}{path}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(urls))


def read_metadata(app: App, document: Mapping[str, Any]) -> Server:
    """The metadata, if it is about the app's issuer and safe to use.

    Raises ServerMisconfigured. The issuer must be the very text that was asked for: else the
    document may be another's (RFC 8414 §3.3).
    """
    if document.get("issuer") != app.issuer:
        raise ServerMisconfigured("The server's metadata is about another issuer than the app's.")
    endpoints = {name: _address(app, document, name) for name in _NEEDED + _OPTIONAL}
    for name in _NEEDED:
        if not endpoints[name]:
            raise ServerMisconfigured(f"The server's metadata lacks {name}.")
    methods = document.get("token_endpoint_auth_methods_supported")
    return Server(
        issuer=app.issuer,
        **endpoints,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        # What a server that does not say so accepts (RFC 8414 §2).
        authentication_methods=tuple(m for m in methods if isinstance(m, str))
        if isinstance(methods, list)
        else ("client_secret_basic",),
    )


_NEEDED = ("authorization_endpoint", "token_endpoint")
_OPTIONAL = (
    "revocation_endpoint",
    "introspection_endpoint",
    "revocation_feed_endpoint",
    "jwks_uri",
)


def _address(app: App, document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str):
        raise ServerMisconfigured(f"The server's metadata has a {name} that is no text.")
    if value:
        app.check_url(value, f"The server's {name}")
    return value
