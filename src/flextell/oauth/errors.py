"""Refusals of the authorization server, by audience (RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1).

    Refusal
    ├── ShowError              a page; client or redirect_uri unproven, so nothing is sent back
    └── OAuthError             goes back to the client, as a redirect or as JSON
        ├── InvalidRequest
        ├── InvalidClient          401
        ├── UnauthorizedClient     proven, and not registered for this
        ├── InvalidGrant           may carry an order: EndGrant
        ├── UnsupportedGrantType
        ├── UnsupportedResponseType
        ├── InvalidScope
        ├── AccessDenied
        ├── LoginRequired          prompt=none (OpenID Connect Core §3.1.2.6)
        └── ConsentRequired        prompt=none

`description` is for the client's developer: full sentences in ASCII that name the parameter
and never echo its value. `detail` is for the operator's log. `then` is an order to carry out.
"""

from typing import ClassVar

from flextell.oauth.model import EndGrant


class Refusal(Exception):
    """A decision to say no. It is caught, never a bug."""

    def __init__(self, description: str, *, detail: str = "", then: EndGrant | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.detail = detail
        self.then = then


class ShowError(Refusal):
    """An error for the person's eyes: there is no proven place to send it to."""


class OAuthError(Refusal):
    """An error that goes back to the client."""

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 400


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated, malformed or contradicts another."""

    code = "invalid_request"


class InvalidClient(OAuthError):
    """The client could not be authenticated."""

    code = "invalid_client"
    status = 401


class UnauthorizedClient(OAuthError):
    """The client is who it says, and is not registered for this endpoint."""

    code = "unauthorized_client"


class InvalidGrant(OAuthError):
    """The code or refresh token is unknown, expired, used, revoked or another client's."""

    code = "invalid_grant"


class UnsupportedGrantType(OAuthError):
    """The grant_type is not one of ours."""

    code = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    """The response_type is not `code`."""

    code = "unsupported_response_type"


class InvalidScope(OAuthError):
    """A scope is unknown, malformed or more than is allowed."""

    code = "invalid_scope"


class AccessDenied(OAuthError):
    """The person said no."""

    code = "access_denied"


class LoginRequired(OAuthError):
    """prompt=none, and nobody is signed in."""

    code = "login_required"


class ConsentRequired(OAuthError):
    """prompt=none, and the person would have to be asked."""

    code = "consent_required"
