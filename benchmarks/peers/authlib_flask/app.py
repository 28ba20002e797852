"""Authlib's OAuth 2.0 provider on Flask (docs: Flask OAuth 2.0 Provider; the grants, "Token
Introspection" and "Resource Server" as those pages write them, and its example application).

Its access tokens are opaque, as in all of those pages. Signing in is one address.
"""

import time
from typing import Any

from authlib.integrations.flask_oauth2 import (
    AuthorizationServer,
    ResourceProtector,
    current_token,
)
from authlib.integrations.sqla_oauth2 import (
    create_bearer_token_validator,
    create_query_client_func,
    create_query_token_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask, Response, jsonify, request
from flask import session as cookie

from benchmarks.peers.authlib_flask.models import Client, Code, Token, User, session

app = Flask(__name__)
app.config.update(
    SECRET_KEY="a key that signs the cookies of this run",
    OAUTH2_REFRESH_TOKEN_GENERATOR=True,
)
server = AuthorizationServer(
    app,
    query_client=create_query_client_func(session, Client),
    save_token=create_save_token_func(session, Token),
)
require_oauth = ResourceProtector()
query_token = create_query_token_func(session, Token)


@app.teardown_appcontext
def give_back(_: object) -> None:
    """The connection goes back to the pool after each request."""
    session.remove()


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    """Codes in the database (docs: "Authorization Code Grant")."""

    def save_authorization_code(self, code: str, request: Any) -> Code:
        data = request.payload.data
        kept = Code(
            code=code,
            client_id=request.client.client_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.payload.scope,
            user_id=request.user.id,
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )
        session.add(kept)
        session.commit()
        return kept

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = session.query(Code).filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        session.delete(authorization_code)
        session.commit()

    def authenticate_user(self, authorization_code: Code) -> User | None:
        return session.get(User, authorization_code.user_id)


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """Refresh tokens that are rotated (docs: "Refresh Token Grant")."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        found = session.query(Token).filter_by(refresh_token=refresh_token).first()
        return found if found and not found.refresh_token_revoked_at else None

    def authenticate_user(self, refresh_token: Token) -> User | None:
        return session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token: Token) -> None:
        now = int(time.time())
        refresh_token.access_token_revoked_at = refresh_token.refresh_token_revoked_at = now
        session.add(refresh_token)
        session.commit()


class Introspection(IntrospectionEndpoint):
    """What is told of a token (docs: "Token Introspection")."""

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        found: Token | None = query_token(token_string, token_type_hint)
        return found

    def introspect_token(self, token: Token) -> dict[str, object]:
        return {
            "active": not token.is_expired() and not token.is_revoked(),
            "client_id": token.client_id,
            "token_type": token.token_type,
            "scope": token.get_scope(),
            "sub": token.user_id,
            "iat": token.issued_at,
            "exp": token.issued_at + token.expires_in,
        }

    def check_permission(self, token: Token, client: Client, request: Any) -> bool:
        return bool(token.client_id == client.client_id)


server.register_grant(AuthorizationCodeGrant, [CodeChallenge(required=True)])
server.register_grant(RefreshTokenGrant)
server.register_grant(grants.ClientCredentialsGrant)
server.register_endpoint(Introspection)
require_oauth.register_token_validator(create_bearer_token_validator(session, Token)())


@app.get("/sign-in")
def sign_in() -> str:
    """Sign the browser in as Alice."""
    cookie["user"] = session.query(User).filter_by(name="alice").one().id
    return "welcome"


@app.get("/oauth/authorize")
def authorize() -> Response:
    """Alice has allowed it before: the example asks nothing then but who she is."""
    user = session.get(User, cookie["user"])
    grant = server.get_consent_grant(end_user=user)
    answer: Response = server.create_authorization_response(grant_user=user, grant=grant)
    return answer


@app.post("/oauth/token")
def token() -> Response:
    """The token endpoint."""
    answer: Response = server.create_token_response()
    return answer


@app.post("/oauth/introspect")
def introspect() -> Response:
    """The introspection endpoint."""
    answer: Response = server.create_endpoint_response(Introspection.ENDPOINT_NAME)
    return answer


@app.get("/api")
@require_oauth("account:read")
def api() -> Response:
    """The smallest protected endpoint."""
    return jsonify(success=True, data={"name": request.path, "user": current_token.user_id})
