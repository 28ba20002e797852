"""Which browser is this: a random cookie, a number in every form, and the security headers.

The cookie is only a name. Tokens never leave the server: not in cookies, not in the page.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from .problems import Problem

# __Host-: only over HTTPS, only from this host, never set by a neighbour's subdomain.
COOKIE = "__Host-photos"
COOKIE_SECONDS = 30 * 24 * 3600
SESSION_ID_LENGTH = 43  # 256 bits in base64url
LARGEST_FORM_BYTES = 4096

Handler = Callable[[Request], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def new_session(request: Request) -> None:
    """Give this browser a new, unguessable name; the old one means nothing from now on."""
    request.state.session = secrets.token_urlsafe(32)


def owner(request: Request) -> str:
    """Under which name this browser's tokens are kept: a digest, so that the store has no ids."""
    return hashlib.sha256(b"owner:" + request.state.session.encode()).hexdigest()


def form_number(request: Request) -> str:
    """What our own forms carry and a foreign page cannot know (against CSRF)."""
    return hashlib.sha256(b"form:" + request.state.session.encode()).hexdigest()


def in_session(handler: Handler, *, explain: Callable[[Request, Problem], Response]) -> Endpoint:
    """Run `handler` in a thread for a browser with a name; what it raises is explained."""

    async def endpoint(request: Request) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        request.state.session = cookie
        if len(cookie) != SESSION_ID_LENGTH:
            new_session(request)
        try:
            if request.method == "POST":
                await _check_form_number(request)
            response = await run_in_threadpool(handler, request)
        except Problem as problem:
            response = explain(request, problem)
        if request.state.session != cookie:
            response.set_cookie(
                COOKIE,
                request.state.session,
                max_age=COOKIE_SECONDS,
                path="/",
                secure=True,
                httponly=True,
                # Lax: the cookie must come along when Flextell sends the person back.
                samesite="lax",
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
            raise Problem("stale_form")
    sent = parse_qs(body.decode("ascii", "replace")).get("form_number", [""])[0]
    if not hmac.compare_digest(sent.encode(), form_number(request).encode()):
        raise Problem("stale_form")
