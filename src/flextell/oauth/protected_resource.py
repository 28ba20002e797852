"""What the API says about itself to apps that know its address only (RFC 9728).

An app that is refused finds in the challenge where this is; here it finds who gives tokens for the
API, and for which scopes.
"""

from typing import Any

from flextell.oauth import scopes
from flextell.oauth.discovery import DOCUMENTATION_PATH

API_PATH = "/api"
# RFC 9728 §3: the well-known part stands between the host and the path of the resource.
WELL_KNOWN = "/.well-known/oauth-protected-resource"
METADATA_PATH = WELL_KNOWN + API_PATH


def metadata(issuer: str) -> dict[str, Any]:
    """The metadata of the API of this issuer (RFC 9728 §2)."""
    return {
        "resource": issuer + API_PATH,
        "resource_name": "Flextell API",
        "authorization_servers": [issuer],
        "resource_documentation": issuer + DOCUMENTATION_PATH,
        "bearer_methods_supported": ["header"],
        # The scopes of OpenID Connect say who somebody is, and open nothing of the API.
        "scopes_supported": [scope for scope in scopes.CATALOGUE if ":" in scope],
    }
