"""The authorization endpoint: GET and POST /oauth/authorize (RFC 6749 §3.1).

It alone asks `next_step`; the pages return to it with a ticket that says what the person did.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from flextell import log
from flextell.accounts.model import Person, Session
from flextell.metrics import REFUSALS
from flextell.oauth.authorize import (
    AskConsent,
    AuthorizationRequest,
    GrantCode,
    Progress,
    Proven,
    SignedIn,
    SignIn,
    check,
    client_id_of,
    identify,
    next_step,
)
from flextell.oauth.errors import OAuthError
from flextell.oauth.grants.authorization_code import code_for
from flextell.oauth.grants.issue import (
    CODE_PREFIX,
    GRANT_ID_BYTES,
    SECRET_BYTES,
    new_grant_id,
    new_token,
)
from flextell.oauth.parameters import Form
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.web import browser as browsers
from flextell.web.answers import back_to_client, error_to_client, redirect
from flextell.web.browser import TICKET, Browser
from flextell.web.exchange import Answer, Handler, Request, read_form
from flextell.web.limits import within_oauth_limit

PATH = "/oauth/authorize"
SIGN_IN = "/sign-in"
CONSENT = "/consent"

# What may stand in a query as it is (RFC 3986 §3.4), "%" of an escape included.
QUERY_CHARACTERS = "%!$&'()*+,;=:@/?"


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request as it came: its parameters, and our ticket apart."""

    form: Form
    ticket: str | None

    @property
    def query(self) -> bytes:
        """Its query, written anew: one request has one text, however its escapes were written.

        Tickets are bound to that text.
        """
        return urlencode(self.form.values).encode("ascii")


def asked_in(data: bytes) -> Asked:
    """Read a query or a form. The ticket is ours and no part of the client's request.

    Raises HttpProblem.
    """
    form = read_form(data)
    values = dict(form.values)
    ticket = values.pop(TICKET, None)
    return Asked(Form(values, form.repeated), ticket)


@dataclass(frozen=True, slots=True)
class Sent:
    """The code to send, and where."""

    request: AuthorizationRequest
    code: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal that has a proven place to go back to."""

    proven: Proven
    refusal: OAuthError


Outcome = Sent | Refused | SignIn | AskConsent


def endpoint(parts: Parts) -> Handler:
    """The handler of GET and POST requests."""

    async def authorize(request: Request) -> Answer:
        posted = request.method == "POST"
        data = await request.form_bytes() if posted else request.query
        asked = asked_in(data)
        client_id = client_id_of(asked.form)
        within_oauth_limit(parts, request, client_id)
        browser = browsers.read(parts, request)
        if posted and browser.session_token is None:
            # A cross-site POST carries no Lax cookie; the same request by GET does.
            return redirect(f"{PATH}?{quote(data, safe=QUERY_CHARACTERS)}")
        outcome = await parts.store.write(
            lambda unit: _outcome(unit, parts, asked, browser, client_id), brief=True
        )
        return _answer(parts, asked, outcome, posted)

    return authorize


def _outcome(unit: Unit, parts: Parts, asked: Asked, browser: Browser, client_id: str) -> Outcome:
    client, found = unit.both(
        lambda: unit.clients.get(client_id), lambda: browsers.signed_in(unit, parts, browser)
    )
    proven = identify(asked.form, client)
    try:
        return _step(unit, parts, asked, browser, proven, found)
    except OAuthError as refusal:
        return Refused(proven, refusal)


def _step(
    unit: Unit,
    parts: Parts,
    asked: Asked,
    browser: Browser,
    proven: Proven,
    found: tuple[Session, Person] | None,
) -> Outcome:
    settings, now = parts.settings, parts.sources.now()
    request = check(asked.form, proven, settings.require_pkce)
    person = SignedIn(found[1].subject, found[0].auth_time) if found else None
    consent = unit.consents.get(person.subject, proven.client.client_id) if person else None
    progress = made_so_far(browser, asked, settings.authorization_request_seconds, now)
    step = next_step(request, person, consent, progress, now)
    if not isinstance(step, GrantCode):
        return step
    text = new_token(CODE_PREFIX, parts.sources.random(SECRET_BYTES))
    grant_id = new_grant_id(parts.sources.random(GRANT_ID_BYTES))
    unit.codes.put(code_for(request, step, text, grant_id, now + parts.lifetimes.code))
    return Sent(request, text)


def made_so_far(browser: Browser, asked: Asked, most_seconds: int, now: int) -> Progress:
    """What the ticket of this request attests, if it has one that is good."""
    if asked.ticket is None:
        return Progress()
    return browser.progress(asked.query, asked.ticket, most_seconds, now)


def _answer(parts: Parts, asked: Asked, outcome: Outcome, posted: bool) -> Answer:
    issuer = parts.settings.issuer
    match outcome:
        case Sent(request, code):
            log.security(log.CODE_ISSUED, client_id=request.proven.client.client_id)
            return back_to_client(request.proven, issuer, {"code": code}, posted)
        case Refused(proven, refusal):
            parts.metrics.count(REFUSALS, refusal.code)
            return error_to_client(proven, issuer, refusal, posted)
        case SignIn():
            return redirect(page_address(SIGN_IN, asked), posted)
        case AskConsent():
            return redirect(page_address(CONSENT, asked), posted)


def page_address(path: str, asked: Asked, ticket: str | None = None) -> str:
    """A page of ours on the way of this request, with the ticket it came with or another."""
    ticket = ticket or asked.ticket
    query = asked.query.decode("ascii")
    if ticket is not None:
        query += "&" + urlencode({TICKET: ticket})
    return f"{path}?{query}"
