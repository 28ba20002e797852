"""Consent: one person, one app, what it asks for, and two buttons of equal weight."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flextell import log
from flextell.accounts.model import Person
from flextell.oauth import consent as consents
from flextell.oauth import scopes
from flextell.oauth.authorize import AuthorizationRequest, Progress, check, client_id_of, identify
from flextell.oauth.consent import Question
from flextell.oauth.errors import OAuthError
from flextell.oauth.model import Scopes
from flextell.oauth.redirect_uris import destination
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.web import browser as browsers
from flextell.web.answers import redirect
from flextell.web.browser import Browser, FormOutdated, check_form
from flextell.web.endpoints import authorize
from flextell.web.endpoints.authorize import Asked, asked_in
from flextell.web.exchange import Answer, Handler, Request
from flextell.web.limits import within_page_limit
from flextell.web.pages.render import page


@dataclass(frozen=True, slots=True)
class Asking:
    """All that the screen shows: the request, the person in front of it, what is new to them."""

    request: AuthorizationRequest
    person: Person
    question: Question


def show(parts: Parts) -> Handler:
    """GET: the question."""

    async def consent(request: Request) -> Answer:
        within_page_limit(parts, request)
        asked = asked_in(request.query)
        browser = browsers.read(parts, request)
        asking = await parts.store.write(lambda unit: _asking(unit, parts, asked, browser))
        if asking is None:
            return _start_over(asked)
        return _question(asked, browser, asking)

    return consent


def submit(parts: Parts) -> Handler:
    """POST: the answer. Pressed twice, it says the same twice."""

    async def consent(request: Request) -> Answer:
        within_page_limit(parts, request)
        asked = asked_in(request.query)
        browser = browsers.read(parts, request)
        form = await request.form()
        try:
            check_form(parts, browser, request, form)
        except FormOutdated:
            # Somebody else signed in meanwhile, or the session is over: ask whoever it is now.
            return _start_over(asked)
        match form.values.get("answer"):
            case "allow":
                return await _allow(parts, asked, browser)
            case "deny":
                log.security(log.CONSENT_DENIED, client_id=client_id_of(asked.form))
                return _onward(parts, asked, browser, Progress(denied=True))
            case "another_account":
                return redirect(authorize.page_address(authorize.SIGN_IN, asked))
            case _:
                return _start_over(asked)

    return consent


def _asking(unit: Unit, parts: Parts, asked: Asked, browser: Browser) -> Asking | None:
    """What to show; None if the authorization endpoint has to be asked again."""
    found = browsers.signed_in(unit, parts, browser)
    if found is None:
        return None
    client_id = client_id_of(asked.form)
    proven = identify(asked.form, unit.clients.get(client_id))
    try:
        request = check(asked.form, proven, parts.settings.require_pkce)
    except OAuthError:
        return None
    before = unit.consents.get(found[1].subject, client_id)
    return Asking(request, found[1], consents.question(request.scopes, before))


async def _allow(parts: Parts, asked: Asked, browser: Browser) -> Answer:
    def work(unit: Unit) -> Asking | None:
        asking = _asking(unit, parts, asked, browser)
        if asking is not None:
            subject, client_id = asking.person.subject, asking.request.proven.client.client_id
            before = unit.consents.get(subject, client_id)
            now = parts.sources.now()
            unit.consents.put(
                consents.allow(subject, client_id, asking.request.scopes, before, now)
            )
        return asking

    asking = await parts.store.write(work)
    if asking is None:
        return _start_over(asked)
    log.security(
        log.CONSENT_GIVEN,
        client_id=asking.request.proven.client.client_id,
        subject=asking.person.subject,
        scope=scopes.text(asking.request.scopes),
    )
    # Signing in came before this question, if it was asked for: that stays attested.
    now, most = parts.sources.now(), parts.settings.authorization_request_seconds
    before = authorize.made_so_far(browser, asked, most, now)
    return _onward(parts, asked, browser, Progress(signed_in=before.signed_in, allowed=True))


def _onward(parts: Parts, asked: Asked, browser: Browser, progress: Progress) -> Answer:
    ticket = browser.ticket(asked.query, progress, parts.sources.now())
    return redirect(authorize.page_address(authorize.PATH, asked, ticket))


def _start_over(asked: Asked) -> Answer:
    return redirect(authorize.page_address(authorize.PATH, asked))


def _question(asked: Asked, browser: Browser, asking: Asking) -> Answer:
    client = asking.request.proven.client
    question = asking.question
    registered = datetime.fromtimestamp(client.created_at, UTC)
    return page(
        "consent.html",
        redirect_uri=asking.request.proven.redirect_uri,
        headers=browser.new_cookies(),
        action=authorize.page_address(authorize.CONSENT, asked),
        csrf=browser.csrf(),
        client_name=client.name,
        publisher=client.publisher,
        homepage_url=client.homepage_url,
        person_name=asking.person.name,
        person_email=asking.person.email,
        new_read=_sentences(question.new, change=False),
        new_change=_sentences(question.new, change=True),
        known_read=_sentences(question.known, change=False),
        known_change=_sentences(question.known, change=True),
        destination=destination(asking.request.proven.redirect_uri),
        registered_on=f"{registered.day} {registered:%B %Y}",
    )


def _sentences(asked: Scopes, *, change: bool) -> list[str]:
    """The sentences of one kind of permission."""
    return [line.sentence for line in scopes.lines(asked) if (line.kind == "change") is change]
