"""The page at /: who is signed in, which apps they connected, and taking that back."""

from typing import Any

from flextell import log
from flextell.oauth import scopes
from flextell.oauth.model import EndGrant, Grant
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.web import browser as browsers
from flextell.web.answers import redirect
from flextell.web.browser import Browser, FormOutdated, check_form, cookie
from flextell.web.exchange import Answer, Handler, Request
from flextell.web.limits import within_page_limit
from flextell.web.pages.render import page
from flextell.web.work import end_grant, tell

SIGN_OUT = "/sign-out"
DISCONNECT = "/disconnect"


def show(parts: Parts) -> Handler:
    """GET /"""

    async def home(request: Request) -> Answer:
        within_page_limit(parts, request)
        browser = browsers.read(parts, request)
        values = await parts.store.write(lambda unit: _values(unit, parts, browser))
        return page(
            "home.html",
            headers=browser.new_cookies(),
            action=SIGN_OUT,
            disconnect=DISCONNECT,
            csrf=browser.csrf(),
            issuer=parts.settings.issuer,
            **values,
        )

    return home


def sign_out(parts: Parts) -> Handler:
    """POST /sign-out: the session is over, here and in the store."""

    async def end_session(request: Request) -> Answer:
        within_page_limit(parts, request)
        browser = browsers.read(parts, request)
        try:
            check_form(parts, browser, request, await request.form())
        except FormOutdated:
            return redirect("/")
        digest = browser.session_digest
        if digest is not None:
            await parts.store.write(lambda unit: unit.sessions.end(digest))
            log.security(log.SIGNED_OUT, address=request.address)
        return page("signed_out.html").plus(cookie(browsers.SESSION_COOKIE, "", max_age=0))

    return end_session


def disconnect(parts: Parts) -> Handler:
    """POST /disconnect: all this person granted one app ends, and consent is forgotten."""

    async def end_access(request: Request) -> Answer:
        within_page_limit(parts, request)
        browser = browsers.read(parts, request)
        form = await request.form()
        try:
            check_form(parts, browser, request, form)
        except FormOutdated:
            return redirect("/")
        client_id = form.need("client_id")

        def work(unit: Unit) -> list[EndGrant]:
            found = browsers.signed_in(unit, parts, browser)
            if found is None:
                return []
            subject = found[1].subject
            unit.consents.forget(subject, client_id)
            unit.codes.forget(subject=subject, client_id=client_id)
            grants = unit.grants.living(subject=subject, client_id=client_id)
            orders = [EndGrant(grant.grant_id, "revoked_by_person") for grant in grants]
            return [order for order in orders if end_grant(unit, parts, order)]

        for order in await parts.store.write(work):
            tell(parts, order)
        return redirect("/")

    return end_access


def _values(unit: Unit, parts: Parts, browser: Browser) -> dict[str, Any]:
    found = browsers.signed_in(unit, parts, browser)
    if found is None:
        return {"person_name": "", "person_email": "", "apps": []}
    person = found[1]
    return {
        "person_name": person.name,
        "person_email": person.email,
        "apps": _apps(unit, unit.grants.living(subject=person.subject)),
    }


def _apps(unit: Unit, grants: list[Grant]) -> list[dict[str, object]]:
    """One entry an app, with all it may do through any grant."""
    together: dict[str, frozenset[str]] = {}
    for grant in grants:
        together[grant.client_id] = together.get(grant.client_id, frozenset()) | grant.scopes
    apps: list[dict[str, object]] = []
    for client_id, granted in together.items():
        client = unit.clients.get(client_id)
        apps.append(
            {
                "client_id": client_id,
                "name": client.name if client else "An app that was removed",
                "sentences": [line.sentence for line in scopes.lines(granted)],
            }
        )
    return apps
