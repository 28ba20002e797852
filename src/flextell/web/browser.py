"""The browser in front of a page: its cookies, its forms, its progress, its security headers.

Three cookies, all `__Host-`, Secure, HttpOnly, SameSite=Lax: the session (renewed at sign-in),
the browser (which forms and tickets are bound to) and the device (a browser its owner signed
in with before, see `accounts.throttle`).
"""

from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from http import HTTPStatus

from flextell.accounts import sessions
from flextell.accounts.model import Person, Session
from flextell.oauth import base64url
from flextell.oauth.authorize import Progress
from flextell.oauth.parameters import Form
from flextell.oauth.redirect_uris import form_action_source
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.web.exchange import Headers, HttpProblem, Request

SESSION_COOKIE = "__Host-flextell_session"
BROWSER_COOKIE = "__Host-flextell_browser"
DEVICE_COOKIE = "__Host-flextell_device"
DEVICE_SECONDS = 365 * 24 * 3600

TICKET = "flextell_ticket"
"""The query parameter in which our pages attest what the person did; see `Progress`."""

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Browser:
    """What the cookies say. `browser_id` is new if there was none; then `fresh` is true."""

    browser_id: str
    fresh: bool
    session_token: str | None
    device: str | None
    key: bytes

    @property
    def session_digest(self) -> bytes | None:
        """The key of the session in the store."""
        return session_digest(self.session_token) if self.session_token else None

    def csrf(self) -> str:
        """The proof that a form is ours: bound to the browser and to who is signed in."""
        return self._mac("csrf", self.session_token or "")

    def new_cookies(self) -> tuple[Header, ...]:
        """The cookies that a page must set before its form can be sent."""
        return (cookie(BROWSER_COOKIE, self.browser_id),) if self.fresh else ()

    def ticket(self, query: bytes, progress: Progress, now: int) -> str:
        """Attest what the person did for this request in this browser and this session."""
        did = "".join(
            letter
            for letter, done in zip(
                "sad", (progress.signed_in, progress.allowed, progress.denied), strict=True
            )
            if done
        )
        return f"{now}.{did}.{self._ticket_mac(query, now, did)}"

    def progress(self, query: bytes, ticket: str, most_seconds: int, now: int) -> Progress:
        """What a ticket attests: nothing if it is not ours, not for this, or too old.

        One that was made in another session is not for this: what Alice did before she signed
        out says nothing about Bob, who uses the same browser.
        """
        began, _, rest = ticket.partition(".")
        did, _, mac = rest.partition(".")
        if not (began.isascii() and began.isdecimal() and len(began) < 16):
            return Progress()
        genuine = compare_digest(
            mac.encode("utf-8", "surrogateescape"),
            self._ticket_mac(query, int(began), did).encode(),
        )
        if not genuine or now - int(began) > most_seconds:
            return Progress()
        return Progress(signed_in="s" in did, allowed="a" in did, denied="d" in did)

    def _ticket_mac(self, query: bytes, began: int, did: str) -> str:
        about = f"{began}.{did}.{sha256(query).hexdigest()}.{self.session_token or ''}"
        return self._mac("ticket", about)

    def _mac(self, purpose: str, about: str) -> str:
        message = f"{purpose}\n{self.browser_id}\n{about}".encode("utf-8", "surrogateescape")
        return base64url.text(hmac_digest(self.key, message, "sha256"))


def session_digest(token: str) -> bytes:
    """What the store keeps of a session cookie."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def new_cookie_value(parts: Parts) -> str:
    """256 random bits for a cookie."""
    return base64url.text(parts.sources.random(32))


def read(parts: Parts, request: Request) -> Browser:
    """The browser behind a request."""
    found: dict[str, str] = {}
    for header in request.headers(b"cookie"):
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            # The first wins: a cookie of the same name set by a sibling host comes later.
            found.setdefault(name, value)
    browser_id = found.get(BROWSER_COOKIE, "")
    fresh = not 20 <= len(browser_id) <= 64
    return Browser(
        browser_id=new_cookie_value(parts) if fresh else browser_id,
        fresh=fresh,
        session_token=found.get(SESSION_COOKIE) or None,
        device=found.get(DEVICE_COOKIE) or None,
        key=parts.browser_key,
    )


def cookie(name: str, value: str, max_age: int | None = None) -> Header:
    """A Set-Cookie header with all that keeps a cookie ours (RFC 6265bis §4.1.3.2)."""
    age = "" if max_age is None else f"; Max-Age={max_age}"
    text = f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}"
    return (b"set-cookie", text.encode("ascii"))


def signed_in(unit: Unit, parts: Parts, browser: Browser) -> tuple[Session, Person] | None:
    """Who is signed in in this browser; its use is noted now and then."""
    digest = browser.session_digest
    found = unit.sessions.get(digest) if digest else None
    if found is None:
        return None
    session, now = found[0], parts.sources.now()
    if not sessions.holds(session, parts.settings.session_idle_seconds, now):
        return None
    if sessions.worth_noting(session, now):
        unit.sessions.note_use(session.digest, now)
    return found


def device_for(parts: Parts, person: Person) -> str:
    """The value of the device cookie of a browser in which this person just signed in."""
    name = base64url.text(parts.sources.random(16))
    return f"{name}.{_device_mac(parts, name, person.subject)}"


def known_device(parts: Parts, browser: Browser, person: Person | None) -> str | None:
    """The name of this browser, if this very person signed in with it before."""
    if person is None or browser.device is None:
        return None
    name, _, mac = browser.device.partition(".")
    genuine = compare_digest(
        mac.encode("utf-8", "surrogateescape"), _device_mac(parts, name, person.subject).encode()
    )
    return name if genuine else None


def _device_mac(parts: Parts, name: str, subject: str) -> str:
    message = f"device\n{name}\n{subject}".encode("utf-8", "surrogateescape")
    return base64url.text(hmac_digest(parts.browser_key, message, "sha256"))


class FormOutdated(Exception):
    """The form was not made for this browser as it is now: show it again, change nothing."""


def check_form(parts: Parts, browser: Browser, request: Request, form: Form) -> None:
    """Raises FormOutdated or HttpProblem unless one of our own pages sent this form."""
    origin = request.header(b"origin")
    host = request.header(b"host") or ""
    own = (parts.settings.issuer, f"{request.scope['scheme']}://{host}")
    if origin is not None and origin not in own:
        raise HttpProblem(HTTPStatus.FORBIDDEN, "This form was sent by another site.")
    presented = form.values.get("csrf", "").encode("utf-8", "surrogateescape")
    if browser.fresh or not compare_digest(presented, browser.csrf().encode()):
        raise FormOutdated


def page_headers(redirect_uri: str | None = None, policy: str = PAGE_POLICY) -> Headers:
    """Security headers of a page whose form may lead to this redirect URI.

    `form-action` also governs the redirects after a form, so the app's address must be in it;
    where CSP has no words for the address (a scheme with an underscore) it is left out.
    """
    source = form_action_source(redirect_uri) if redirect_uri else ""
    if source is not None:
        policy += f"; form-action 'self' {source}".rstrip()
    return (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode("ascii")),
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        # `no-referrer` would make form posts say `Origin: null`.
        (b"referrer-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
        (b"cache-control", b"no-store"),
    )
