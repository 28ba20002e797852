"""`whoami`: the person, the app and the server, and what is allowed until when."""

from argparse import Namespace
from typing import Any

from flextell_sdk.client import Client
from flextell_sdk.command.exits import ExitCode
from flextell_sdk.command.place import Place
from flextell_sdk.command.printing import moment, print_json, print_table
from flextell_sdk.errors import ApiError, UnexpectedAnswer, Unreachable
from flextell_sdk.grant import Grant
from flextell_sdk.sign_in import id_token_claims
from flextell_sdk.tokens import Tokens

# Either lets the app see where the person belongs.
TENANT_SCOPES = frozenset({"account:read", "tenants:read"})


def whoami(asked: Namespace, at: Place) -> ExitCode:
    """Print who is signed in."""
    with at.grant() as grant:
        said = described(grant)
    if asked.json:
        print_json(said)
    else:
        print_table(_rows(said))
    return ExitCode.OK


def described(grant: Grant) -> dict[str, Any]:
    """All of it as JSON; what the server does not tell is null."""
    scopes = grant.tokens().scopes
    tenants = _tenants(grant) if TENANT_SCOPES.intersection(scopes) else None
    tokens, app = grant.tokens(), grant.wire.app
    return {
        "person": person_of(tokens),
        "app": app.client_id,
        "server": app.issuer,
        "api": app.api_url,
        "scopes": list(tokens.scopes),
        "expires_at": None if tokens.expires_at is None else moment(tokens.expires_at),
        "renewable": tokens.refresh_token is not None,
        "tenants": tenants,
    }


def person_of(tokens: Tokens) -> str | None:
    """What the server calls the person, if it said so (OpenID Connect Core §2)."""
    if tokens.id_token is None:
        return None
    return str(id_token_claims(tokens.id_token)["sub"])


def _tenants(grant: Grant) -> list[dict[str, Any]] | None:
    try:
        return [{"id": each.id, "name": each.name} for each in Client(grant).account.tenants()]
    except (ApiError, UnexpectedAnswer, Unreachable):
        # Another kind of API has other resources; one that is ill is the matter of `doctor`.
        return None


def _rows(said: dict[str, Any]) -> dict[str, list[str]]:
    until = said["expires_at"] or "the server did not say"
    then = "then renewed by itself" if said["renewable"] else "then sign in again"
    tenants = [f"{each['name']} ({each['id']})" for each in said["tenants"] or ()]
    return {
        "Person": [said["person"] or "unknown: the scope openid was not allowed"],
        "App": [said["app"]],
        "Server": [said["server"]],
        "API": [said["api"]],
        "Scopes": said["scopes"],
        "Until": [f"{until}, {then}"],
        "Tenants": tenants or ["unknown" if said["tenants"] is None else "none"],
    }
