"""Sign-in: an e-mail address, a password, a new session (OWASP ASVS 5.0 §6.3, §7.2)."""

from dataclasses import dataclass, replace
from http import HTTPStatus

from flextell import log
from flextell.accounts import passwords, sessions, throttle
from flextell.accounts.model import MAXIMUM_EMAIL_CHARACTERS, Person, normalised_email
from flextell.accounts.passwords import Checked
from flextell.accounts.throttle import Kind, Rule
from flextell.metrics import SIGN_INS
from flextell.node.hashing import TooManySignIns
from flextell.oauth.authorize import Progress, client_id_of
from flextell.oauth.parameters import Form
from flextell.oauth.redirect_uris import match
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.web import browser as browsers
from flextell.web.answers import redirect
from flextell.web.browser import Browser, FormOutdated, check_form, cookie
from flextell.web.endpoints import authorize
from flextell.web.endpoints.authorize import Asked, asked_in
from flextell.web.exchange import Answer, Handler, Headers, Request
from flextell.web.limits import within_page_limit
from flextell.web.pages.render import page

WRONG = "The e-mail address or the password is not right."
OUTDATED = "This page was open for too long, or cookies are blocked. Please sign in again."


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in: who, from where, counted under which keys."""

    email: str
    address: str
    person: Person | None
    keys: tuple[throttle.Key, ...]
    wait_seconds: int


def show(parts: Parts) -> Handler:
    """GET: the form."""

    async def sign_in(request: Request) -> Answer:
        within_page_limit(parts, request)
        asked = asked_in(request.query)
        return await _form(parts, asked, browsers.read(parts, request))

    return sign_in


def submit(parts: Parts) -> Handler:
    """POST: the password."""

    async def sign_in(request: Request) -> Answer:
        within_page_limit(parts, request)
        asked = asked_in(request.query)
        browser = browsers.read(parts, request)
        form = await request.form()
        email = _email_in(form)
        try:
            check_form(parts, browser, request, form)
        except FormOutdated:
            return await _form(parts, asked, browser, email, OUTDATED, status=HTTPStatus.FORBIDDEN)
        return await _try(parts, asked, browser, request, email, form)

    return sign_in


def _email_in(form: Form) -> str:
    email = normalised_email(form.values.get("email", ""))
    # No account has such an address, and as a key of the throttle it could not be kept.
    return email if len(email) <= MAXIMUM_EMAIL_CHARACTERS and "\0" not in email else ""


async def _try(
    parts: Parts, asked: Asked, browser: Browser, request: Request, email: str, form: Form
) -> Answer:
    attempt = await parts.store.read(lambda unit: _attempt(unit, parts, browser, request, email))
    if attempt.wait_seconds:
        return await _wait(parts, asked, browser, attempt, attempt.wait_seconds)
    person, password = attempt.person, form.values.get("password", "")
    # A disabled account costs the same hash as an unknown one, and is told the same.
    known = person.password_hash if person and person.disabled_at is None else None
    try:
        checked = await parts.hashing.run(lambda: passwords.check(password, known))
    except TooManySignIns:
        parts.metrics.count(SIGN_INS, "turned_away")
        raise
    if person is None or not checked.right:
        wait_seconds = await parts.store.write(lambda unit: _count_failure(unit, parts, attempt))
        if wait_seconds:
            return await _wait(parts, asked, browser, attempt, wait_seconds)
        parts.metrics.count(SIGN_INS, "failed")
        log.security(log.SIGN_IN_FAILED, address=request.address)
        return await _form(
            parts, asked, browser, email, WRONG, status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    return await _welcome(parts, asked, browser, attempt, person, password, checked)


def _attempt(unit: Unit, parts: Parts, browser: Browser, request: Request, email: str) -> Attempt:
    person = unit.people.by_email(email)
    device = browsers.known_device(parts, browser, person)
    keys = throttle.keys(email, request.network, device)
    # Only looked at: whoever is being counted now keeps nobody here, and it is judged again below.
    wait_seconds = throttle.wait_seconds(unit.throttles.counts(keys), parts.sources.now())
    return Attempt(email, request.address, person, keys, wait_seconds)


def _rules(parts: Parts) -> throttle.Rules:
    settings = parts.settings
    longest = settings.sign_in_longest_wait_seconds
    return {
        Kind.ACCOUNT_AND_ADDRESS: Rule(settings.sign_in_free_attempts, longest),
        Kind.DEVICE: Rule(settings.sign_in_free_attempts, longest),
        Kind.ADDRESS: Rule(settings.sign_in_free_attempts_per_address, longest),
        Kind.ACCOUNT: Rule(
            settings.sign_in_free_attempts_per_account,
            settings.sign_in_longest_account_wait_seconds,
        ),
    }


def _count_failure(unit: Unit, parts: Parts, attempt: Attempt) -> int:
    """Count a wrong password; or, if a wait began while it was hashed, say how long that is.

    Of many tries sent at once only as many are told anything as would be one after another.
    """
    rules, now = _rules(parts), parts.sources.now()
    counts = unit.throttles.hold(attempt.keys)
    wait_seconds = throttle.wait_seconds(counts, now)
    if wait_seconds:
        return wait_seconds
    forget = parts.settings.sign_in_forget_seconds
    unit.throttles.put(
        {key: throttle.failed(count, rules[key.kind], forget, now) for key, count in counts.items()}
    )
    return 0


async def _welcome(
    parts: Parts,
    asked: Asked,
    browser: Browser,
    attempt: Attempt,
    person: Person,
    password: str,
    checked: Checked,
) -> Answer:
    """A new session in place of the one before, and on to where the person was going."""
    renewed = await _renewed_hash(parts, password) if checked.outdated else None
    token = browsers.new_cookie_value(parts)
    digest = browsers.session_digest(token)

    def work(unit: Unit) -> int:
        now = parts.sources.now()
        wait_seconds = throttle.wait_seconds(unit.throttles.hold(attempt.keys), now)
        if wait_seconds:
            return wait_seconds
        if renewed is not None:
            unit.people.set_password_hash(person.person_id, renewed)
        # What others failed at stays counted; what this person failed at is forgiven.
        unit.throttles.forget(
            [k for k in attempt.keys if k.kind in (Kind.ACCOUNT_AND_ADDRESS, Kind.DEVICE)]
        )
        if browser.session_digest is not None:
            unit.sessions.end(browser.session_digest)
        unit.people.note_sign_in(person.person_id, attempt.address, now)
        unit.sessions.put(
            sessions.begin(digest, person.person_id, parts.settings.session_seconds, now)
        )
        return 0

    wait_seconds = await parts.store.write(work)
    if wait_seconds:
        return await _wait(parts, asked, browser, attempt, wait_seconds)
    parts.metrics.count(SIGN_INS, "succeeded")
    log.security(log.SIGNED_IN, subject=person.subject)
    answer = redirect(_onward(parts, asked, replace(browser, session_token=token)))
    device = browsers.device_for(parts, person)
    return answer.plus(
        cookie(browsers.SESSION_COOKIE, token, parts.settings.session_seconds),
        cookie(browsers.DEVICE_COOKIE, device, browsers.DEVICE_SECONDS),
    )


async def _renewed_hash(parts: Parts, password: str) -> str | None:
    """A hash with today's parameters; None in a storm, when the next sign-in will do as well."""
    try:
        return await parts.hashing.run(lambda: passwords.new_hash(password))
    except TooManySignIns:
        return None


def _onward(parts: Parts, asked: Asked, browser: Browser) -> str:
    """Back to the authorization endpoint, or home if nobody asked for anything."""
    if "client_id" not in asked.form.values:
        return "/"
    ticket = browser.ticket(asked.query, Progress(signed_in=True), parts.sources.now())
    return authorize.page_address(authorize.PATH, asked, ticket)


async def _wait(
    parts: Parts, asked: Asked, browser: Browser, attempt: Attempt, seconds: int
) -> Answer:
    parts.metrics.count(SIGN_INS, "throttled")
    log.security(log.SIGN_IN_THROTTLED, address=attempt.address)
    minutes = -(-seconds // 60)
    when = f"{seconds} seconds" if seconds < 60 else f"{minutes} minute{'s' * (minutes > 1)}"
    if seconds == 1:
        when = "a second"
    return await _form(
        parts,
        asked,
        browser,
        attempt.email,
        f"There were several wrong passwords. Please wait {when}, then try again.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        wait_seconds=seconds,
        headers=((b"retry-after", b"%d" % seconds),),
    )


async def _form(
    parts: Parts,
    asked: Asked,
    browser: Browser,
    email: str = "",
    problem: str = "",
    *,
    status: int = 200,
    wait_seconds: int = 0,
    headers: Headers = (),
) -> Answer:
    client, going_to = None, None
    if "client_id" in asked.form.values:
        client_id = client_id_of(asked.form)
        client = await parts.store.read(lambda unit: unit.clients.get(client_id))
    if client is not None:
        # Proven again: what stands in the address of this page is anybody's text.
        going_to = match(asked.form.values.get("redirect_uri", ""), client.redirect_uris)
    return page(
        "sign_in.html",
        status=status,
        redirect_uri=going_to,
        headers=(*headers, *browser.new_cookies()),
        action=authorize.page_address(authorize.SIGN_IN, asked),
        csrf=browser.csrf(),
        client_name=client.name if client else "",
        email=email or asked.form.values.get("login_hint", ""),
        problem=problem,
        wait_seconds=wait_seconds,
    )
