"""The pages of Photos: every path and what happens there."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .api import Call, FlextellApi
from .attempts import Attempts
from .connection import Connections
from .https import Send
from .oauth import OAuthClient, Registration, Tokens, fingerprint, new_attempt
from .problems import EXPLANATIONS, Problem
from .session import Handler, form_number, in_session, new_session, owner, security_headers
from .token_store import TokenStore

HERE = Path(__file__).parent
# Kinds of problem that leave the connection as it was, so that pressing Connect would not help.
NOT_SOLVED_BY_CONNECTING = {"revocation", "unreachable", "storage", "stale_form", "metadata"}


@dataclass(frozen=True, slots=True)
class Clinic:
    """One tenant of the person, with its customers."""

    name: str
    customers: Call


def build_app(
    issuer: str,
    registration: Registration,
    data_dir: Path,
    send: Send,
    now: Callable[[], int] = lambda: int(time.time()),
) -> Starlette:
    """Join the parts. Raises ValueError if the token store in `data_dir` cannot be trusted."""
    oauth = OAuthClient(issuer, registration, send, now)
    pages = Pages(
        oauth=oauth,
        api=FlextellApi(f"{issuer.rstrip('/')}/api", send),
        connections=Connections(oauth, TokenStore(data_dir), now),
        attempts=Attempts(now),
        now=now,
    )

    def route(path: str, method: str, handler: Handler) -> Route:
        return Route(path, in_session(handler, explain=pages.problem), methods=[method])

    return Starlette(
        routes=[
            route("/", "GET", pages.start),
            route("/connect", "POST", pages.connect),
            route("/callback", "GET", pages.callback),
            route("/call", "POST", pages.call),
            route("/refresh", "POST", pages.refresh),
            route("/disconnect", "POST", pages.disconnect),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """One method for each path."""

    oauth: OAuthClient
    api: FlextellApi
    connections: Connections
    attempts: Attempts
    now: Callable[[], int]

    def start(self, request: Request) -> Response:
        """The Connect button, or the customers of a connected person."""
        tokens = self.connections.get(owner(request))
        if tokens is None:
            return self._page(request, "start.html")
        return self._connected(request, tokens)

    def connect(self, request: Request) -> Response:
        """Send the person to Flextell with a question that only this session can use."""
        attempt = new_attempt()
        self.attempts.add(owner(request), attempt)
        return RedirectResponse(self.oauth.authorization_url(attempt), status_code=303)

    def callback(self, request: Request) -> Response:
        """Judge the answer, buy the tokens, store them, and take the code out of the address."""
        query = parse_qs(request.url.query, keep_blank_values=True)
        attempt = self.attempts.claim(owner(request), query.get("state", [""])[0])
        tokens = self.oauth.exchange(self.oauth.code_from(query), attempt)
        before = owner(request)
        new_session(request)  # a cookie from before the connection must not open it
        self.connections.open(owner(request), tokens, instead_of=before)
        return RedirectResponse("/", status_code=303)

    def call(self, request: Request) -> Response:
        """Call the API once and show all of the answer."""
        tokens = self.connections.get(owner(request))
        if tokens is None:
            return RedirectResponse("/", status_code=303)
        tenants = self.api.tenants(tokens.access_token)
        if not (tenants.worked and tenants.rows):
            return self._page(request, "call.html", call=tenants)
        customers = self.api.customers(tokens.access_token, str(tenants.rows[0].get("id")))
        return self._page(request, "call.html", call=customers)

    def refresh(self, request: Request) -> Response:
        """Refresh now, and show that both tokens changed without showing either."""
        before = self.connections.get(owner(request))
        after = self.connections.refresh(owner(request), before) if before else None
        if before is None or after is None:
            return RedirectResponse("/", status_code=303)
        return self._connected(request, after, before)

    def disconnect(self, request: Request) -> Response:
        """Revoke, forget, and prove with one call that the token is worthless."""
        revoked = self.connections.close(owner(request))
        if revoked is None:
            return RedirectResponse("/", status_code=303)
        proof = self.api.tenants(revoked.access_token)
        new_session(request)
        return self._page(request, "disconnected.html", call=proof)

    def problem(self, request: Request, problem: Problem) -> Response:
        """Explain kindly what did not happen, and what to do next."""
        explanation = EXPLANATIONS[problem.kind]
        return self._page(
            request,
            "problem.html",
            explanation.status,
            explanation=explanation,
            detail=problem.detail,
            may_connect=problem.kind not in NOT_SOLVED_BY_CONNECTING,
        )

    def _connected(
        self, request: Request, tokens: Tokens, before: Tokens | None = None
    ) -> Response:
        tenants = self.api.tenants(tokens.access_token)
        clinics = [
            Clinic(
                name=str(tenant.get("name") or tenant["id"]),
                customers=self.api.customers(tokens.access_token, str(tenant["id"])),
            )
            for tenant in tenants.rows
            if "id" in tenant
        ]
        calls = [tenants, *(clinic.customers for clinic in clinics)]
        return self._page(
            request,
            "connected.html",
            clinics=clinics,
            refused=next((call for call in calls if not call.worked), None),
            minutes_left=max(0, tokens.expires_at - self.now()) // 60,
            expires=time.strftime("%H:%M:%S on %d %B %Y, UTC", time.gmtime(tokens.expires_at)),
            scope=tokens.scope,
            prints=_prints(tokens),
            prints_before=_prints(before) if before else None,
        )

    def _page(
        self, request: Request, template: str, status: int = 200, **content: Any
    ) -> HTMLResponse:
        place = urlsplit(self.oauth.issuer)
        return HTMLResponse(
            TEMPLATES.get_template(template).render(form_number=form_number(request), **content),
            status,
            security_headers(f"{place.scheme}://{place.netloc}"),
        )


def _prints(tokens: Tokens) -> dict[str, str]:
    return {
        "Access token": fingerprint(tokens.access_token),
        "Refresh token": fingerprint(tokens.refresh_token),
    }


TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
)
