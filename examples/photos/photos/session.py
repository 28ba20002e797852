"""Which browser is this: a random cookie, a number in every form, and the security headers.

The cookie is only a name. Tokens never leave the server: not in cookies, not in the page.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from .problems import EXPLAINED, StaleForm

# __Host-: only over HTTPS, only from this host, never set by a neighbour's subdomain.
COOKIE = "__Host-photos"
COOKIE_SECONDS = 30 * 24 * 3600
NAME_LENGTH = 43  # 256 bits in base64url
LARGEST_FORM_BYTES = 4096

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Session:
    """One browser, by the unguessable name in its cookie."""

    name: str = field(repr=False)

    @property
    def owner(self) -> str:
        """Under which name this browser's grant is kept: a digest, so that nobody can go back."""
        return hashlib.sha256(b"owner:" + self.name.encode()).hexdigest()

    @property
    def form_number(self) -> str:
        """What our own forms carry and a foreign page cannot know (against CSRF)."""
        return hashlib.sha256(b"form:" + self.name.encode()).hexdigest()


def new_session() -> Session:
    """A browser that we have not seen before, or that is to be another from now on."""
    return Session(secrets.token_urlsafe(32))


def session_of(request: Request) -> Session:
    """The browser that asks."""
    session: Session = request.state.session
    return session


def in_session(
    handler: Handler, explain: Callable[[Request, Exception], Awaitable[Response]]
) -> Handler:
    """Run `handler` for a browser with a name; what it raises is explained."""

    async def endpoint(request: Request) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        request.state.session = Session(cookie) if len(cookie) == NAME_LENGTH else new_session()
        try:
            if request.method == "POST":
                await _check_form_number(request)
            response = await handler(request)
        except EXPLAINED as problem:
            response = await explain(request, problem)
        name = session_of(request).name
        if name != cookie:
            # Lax: the cookie must come along when Flextell sends the person back.
            response.set_cookie(
                COOKIE, name, COOKIE_SECONDS, secure=True, httponly=True, samesite="lax"
            )
        return response

    return endpoint


def security_headers(other_form_target: str) -> dict[str, str]:
    """Headers of every page. `other_form_target`: the origin that Connect leads to."""
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"frame-ancestors 'none'; form-action 'self' {other_form_target}"
        ),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }


async def _check_form_number(request: Request) -> None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM_BYTES:
            raise StaleForm
    sent = parse_qs(body.decode("ascii", "replace")).get("form_number", [""])[0]
    if not hmac.compare_digest(sent.encode(), session_of(request).form_number.encode()):
        raise StaleForm
