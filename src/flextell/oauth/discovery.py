"""What this server says about itself (RFC 8414 §2, OpenID Connect Discovery §3).

Every member is true: it is computed from the tables that the endpoints themselves obey.
"""

from collections.abc import Sequence
from typing import Any

from flextell.oauth import authorize, client_auth, jwt, scopes

PATHS = {
    "authorization_endpoint": "/oauth/authorize",
    "token_endpoint": "/oauth/token",
    "revocation_endpoint": "/oauth/revoke",
    "introspection_endpoint": "/oauth/introspect",
    "revocation_feed_endpoint": "/oauth/revocations",
    "jwks_uri": "/.well-known/jwks.json",
}
DOCUMENTATION_PATH = "/docs/reference"
GRANT_TYPES = ("authorization_code", "refresh_token")
_PROVING = [m for m in client_auth.METHODS if m != "none"]


def metadata(issuer: str, id_token_algorithms: Sequence[jwt.Algorithm]) -> dict[str, Any]:
    """The metadata document, the same at both well-known addresses."""
    return {
        "issuer": issuer,
        **{member: issuer + path for member, path in PATHS.items()},
        "service_documentation": issuer + DOCUMENTATION_PATH,
        "scopes_supported": list(scopes.CATALOGUE),
        "response_types_supported": list(authorize.RESPONSE_TYPES),
        "response_modes_supported": list(authorize.RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "prompt_values_supported": list(authorize.PROMPTS),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(client_auth.METHODS),
        "revocation_endpoint_auth_methods_supported": list(client_auth.METHODS),
        "introspection_endpoint_auth_methods_supported": _PROVING,
        "revocation_feed_endpoint_auth_methods_supported": _PROVING,
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(id_token_algorithms),
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
