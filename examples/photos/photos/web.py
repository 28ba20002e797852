"""The pages of Photos: every path and what happens there."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from flextell_sdk import (
    AsyncClient,
    Grant,
    GrantAuth,
    Grants,
    Page,
    SignIn,
    Tokens,
    errors,
    finish_sign_in,
)
from flextell_sdk.api.models import Customer, Tenant

from .api import first_customers, shown, tenants_with
from .attempts import Attempts
from .problems import StillConnected, explanation_of
from .session import Handler, in_session, new_session, security_headers, session_of
from .tokens import expiry, fingerprints, other_tokens

HERE = Path(__file__).parent
MOST_CUSTOMERS = 20
# The SDK asks again for half a minute, which is longer than a person looks at an empty page.
PATIENCE_SECONDS = 8
# The API said no, or nothing: the connection itself is as it was, and can be shown.
REFUSALS = (errors.ApiError, errors.UnexpectedAnswer, errors.Unreachable, TimeoutError)

_log = logging.getLogger("photos")


def build_app(
    grants: Grants, http: httpx2.AsyncClient, now: Callable[[], float] = time.time
) -> Starlette:
    """Join the parts. `http` is for calls that are shown as they are; closed at the end."""
    pages = Pages(grants, http, Attempts(now), now)

    def route(path: str, method: str, handler: Handler) -> Route:
        return Route(path, in_session(handler, pages.problem), methods=[method])

    @asynccontextmanager
    async def open_connections(_: Starlette) -> AsyncIterator[None]:
        async with grants, http:
            yield

    return Starlette(
        routes=[
            route("/", "GET", pages.start),
            route("/connect", "POST", pages.connect),
            route("/callback", "GET", pages.callback),
            route("/call", "POST", pages.call),
            route("/refresh", "POST", pages.refresh),
            route("/disconnect", "POST", pages.disconnect),
            route("/forget", "POST", pages.forget),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        lifespan=open_connections,
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """One method for each path."""

    grants: Grants
    http: httpx2.AsyncClient
    attempts: Attempts
    now: Callable[[], float]

    async def start(self, request: Request) -> Response:
        """The Connect button, or the customers of a connected person."""
        grant = self._grant(request)
        if not await self.grants.in_thread(grant.is_signed_in):
            return self._page(request, "start.html")
        return await self._connected(request, grant, await grant.tokens_async())

    async def connect(self, request: Request) -> Response:
        """Send the person to Flextell with a question that only this browser can use."""
        begun = await self.grants.start_sign_in_async()
        return RedirectResponse(self._remember(request, begun), status_code=303)

    async def callback(self, request: Request) -> Response:
        """Judge the answer, buy the tokens, and take the code out of the address."""
        state = request.query_params.get("state", "")
        remembered = self.attempts.claim(session_of(request).owner, state)
        code = finish_sign_in(str(request.url), remembered)
        before, session = self._grant(request), new_session()
        await self.grants.exchange_code_async(code, session.owner)
        request.state.session = session  # a cookie from before must not open the connection
        await self.grants.in_thread(before.forget)
        return RedirectResponse("/", status_code=303)

    async def call(self, request: Request) -> Response:
        """Call the API once and show all of the answer."""
        answer = await first_customers(self.http, GrantAuth(self._grant(request)))
        return self._page(request, "call.html", call=shown(answer))

    async def refresh(self, request: Request) -> Response:
        """Refresh now, and show that both tokens changed without showing either."""
        grant = self._grant(request)
        before = await grant.tokens_async()
        return await self._connected(request, grant, await other_tokens(grant, before), before)

    async def disconnect(self, request: Request) -> Response:
        """Revoke, forget, and prove with one call that the access token is worthless."""
        grant = self._grant(request)
        try:
            tokens = await grant.tokens_async()
            await self.grants.in_thread(grant.sign_out)
        except (errors.Unreachable, errors.TokenRequestRefused) as problem:
            raise StillConnected(str(problem)) from problem
        request.state.session = new_session()
        proof = await tenants_with(self.http, tokens.access_token)
        return self._page(request, "disconnected.html", call=shown(proof))

    async def forget(self, request: Request) -> Response:
        """Delete the tokens here, whatever Flextell says."""
        await self.grants.in_thread(self._grant(request).forget)
        request.state.session = new_session()
        return RedirectResponse("/", status_code=303)

    async def problem(self, request: Request, problem: Exception) -> Response:
        """Explain kindly what did not happen, and what to do next."""
        trouble = await self._explained(request, problem)
        return self._page(request, "problem.html", trouble["explanation"].status, **trouble)

    def _grant(self, request: Request) -> Grant:
        return self.grants.open(session_of(request).owner)

    def _remember(self, request: Request, begun: SignIn) -> str:
        """Expect an answer in this browser; where to send it."""
        self.attempts.add(session_of(request).owner, begun.remembered)
        return begun.url

    async def _explained(self, request: Request, problem: Exception) -> dict[str, Any]:
        explanation = explanation_of(problem)
        if explanation.status >= 500:
            _log.warning("%r", problem)
        step_up_url = ""
        if isinstance(problem, errors.InsufficientScope):
            begun = await self.grants.in_thread(partial(self._grant(request).step_up, problem))
            step_up_url = self._remember(request, begun)
        detail = str(problem) if explanation.shows_detail else ""
        return {"explanation": explanation, "detail": detail, "step_up_url": step_up_url}

    async def _connected(
        self, request: Request, grant: Grant, tokens: Tokens, before: Tokens | None = None
    ) -> Response:
        found: dict[str, Any] = {"clinics": [], "explanation": None}
        status = 200
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found["clinics"] = await clinics_of(AsyncClient(grant))
        except REFUSALS as problem:
            found |= await self._explained(request, problem)
            status = found["explanation"].status
        return self._page(
            request,
            "connected.html",
            status,
            **found,
            expires=expiry(tokens, self.now()),
            scope=tokens.scope,
            prints=fingerprints(tokens),
            prints_before=fingerprints(before) if before else None,
        )

    def _page(
        self, request: Request, template: str, status: int = 200, **content: Any
    ) -> HTMLResponse:
        place = urlsplit(self.grants.app.issuer)
        form_number = session_of(request).form_number
        return HTMLResponse(
            TEMPLATES.get_template(template).render(form_number=form_number, **content),
            status,
            security_headers(f"{place.scheme}://{place.netloc}"),
        )


async def clinics_of(client: AsyncClient) -> list[tuple[Tenant, Page[Customer]]]:
    """The clinics that the person belongs to, with the first of their customers."""
    return [
        (each, await client.in_tenant(each.id).customers.list(limit=MOST_CUSTOMERS).first_page())
        async for each in client.account.tenants()
    ]


TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
)
