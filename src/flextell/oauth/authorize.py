"""The authorization endpoint's rules: who asks, what for, and what comes next (RFC 6749 §4.1.1).

Two phases, two types. `identify` proves the client and the redirect_uri or raises ShowError: a
page, never a redirect. After it every refusal is an OAuthError and goes back to the client.
"""

import re
from dataclasses import dataclass

from flextell.oauth import consent as consents
from flextell.oauth import pkce, scopes
from flextell.oauth.errors import (
    AccessDenied,
    ConsentRequired,
    InvalidRequest,
    LoginRequired,
    OAuthError,
    ShowError,
    UnsupportedResponseType,
)
from flextell.oauth.model import Client, Consent, Scopes
from flextell.oauth.parameters import LIMITS, Form
from flextell.oauth.redirect_uris import ProvenRedirect, match

RESPONSE_TYPES = ("code",)
RESPONSE_MODES = ("query",)
PROMPTS = ("none", "login", "consent")

_SECONDS = re.compile(r"[0-9]{1,9}")


class RequestNotSupported(OAuthError):
    """A request object by value (OpenID Connect Core §6.1)."""

    code = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    """A request object by reference (OpenID Connect Core §6.2)."""

    code = "request_uri_not_supported"


@dataclass(frozen=True, slots=True)
class Proven:
    """A client and a place of its own: from here on errors go back there."""

    client: Client
    redirect_uri: ProvenRedirect
    state: str | None


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that passed every check. Only `check` makes one."""

    proven: Proven
    scopes: Scopes
    code_challenge: str | None
    nonce: str | None
    prompt: frozenset[str]
    max_age: int | None
    login_hint: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person behind the browser, as far as this endpoint needs to know."""

    subject: str
    auth_time: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What our pages attest that the person did since this very request came in."""

    signed_in: bool = False
    allowed: bool = False
    denied: bool = False


@dataclass(frozen=True, slots=True)
class SignIn:
    """Next: the sign-in page."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Next: the consent page, with this question."""

    question: consents.Question


@dataclass(frozen=True, slots=True)
class GrantCode:
    """Next: a code, for this person and these scopes."""

    signed_in: SignedIn
    scopes: Scopes


NextStep = SignIn | AskConsent | GrantCode


def client_id_of(form: Form) -> str:
    """Whose request this claims to be. Raises ShowError if that cannot be told."""
    try:
        return form.need("client_id")
    except InvalidRequest as refusal:
        raise ShowError(refusal.description) from None


def identify(form: Form, client: Client | None) -> Proven:
    """Prove client and redirect_uri (RFC 6749 §3.1.2.4, §4.1.2.1). Raises ShowError."""
    if client is None:
        raise ShowError("There is no app with this client_id.", detail="unknown client")
    try:
        asked = form.need("redirect_uri")
    except InvalidRequest as refusal:
        raise ShowError(refusal.description) from None
    proven = match(asked, client.redirect_uris)
    if proven is None:
        raise ShowError(
            "The redirect_uri is not one that this app has registered.", detail="redirect_uri"
        )
    # A state that we refuse is still returned when it can be: the client knows itself by it.
    state = form.values.get("state")
    if state is not None and len(state) > LIMITS["state"]:
        state = None
    return Proven(client, proven, state)


def check(form: Form, proven: Proven, pkce_for_all: bool) -> AuthorizationRequest:
    """Every other check, in order. Raises OAuthError."""
    form.refuse_repeated()
    form.get("state")
    _check_response(form)
    _refuse_request_objects(form)
    client = proven.client
    challenge = pkce.check_challenge(
        form.get("code_challenge"),
        form.get("code_challenge_method"),
        required=pkce_for_all or client.require_pkce or not client.confidential,
    )
    return AuthorizationRequest(
        proven=proven,
        scopes=scopes.allowed(form.get("scope"), client.scopes, client.default_scopes),
        code_challenge=challenge,
        nonce=form.get("nonce"),
        prompt=_prompt(form.get("prompt")),
        max_age=_max_age(form.get("max_age")),
        login_hint=form.get("login_hint") or "",
    )


def _check_response(form: Form) -> None:
    response_type = form.need("response_type")
    if response_type not in RESPONSE_TYPES:
        raise UnsupportedResponseType("response_type must be code.")
    if (form.get("response_mode") or "query") not in RESPONSE_MODES:
        raise InvalidRequest("response_mode must be query.")


def _refuse_request_objects(form: Form) -> None:
    if form.get("request") is not None:
        raise RequestNotSupported("The request parameter is not supported.")
    if form.get("request_uri") is not None:
        raise RequestUriNotSupported("The request_uri parameter is not supported.")


def _prompt(value: str | None) -> frozenset[str]:
    """OpenID Connect Core §3.1.2.1: a list, in which `none` stands alone."""
    prompts = frozenset(value.split(" ")) if value else frozenset()
    if not prompts <= frozenset(PROMPTS):
        raise InvalidRequest("prompt must be none, login or consent.")
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequest("prompt=none stands alone.")
    return prompts


def _max_age(value: str | None) -> int | None:
    if value is None:
        return None
    if not _SECONDS.fullmatch(value):
        raise InvalidRequest("max_age must be a whole number of seconds.")
    return int(value)


def next_step(
    request: AuthorizationRequest,
    signed_in: SignedIn | None,
    consent: Consent | None,
    progress: Progress,
    now: int,
) -> NextStep:
    """Say what comes next for this browser, or raise OAuthError to send back to the client."""
    if progress.denied:
        raise AccessDenied("The person did not allow it.")
    silent = "none" in request.prompt
    if signed_in is None or _must_sign_in_anew(request, signed_in, progress, now):
        if silent:
            raise LoginRequired("prompt=none was sent, but the person must sign in.")
        return SignIn()
    if _must_ask(request, consent, progress):
        if silent:
            raise ConsentRequired("prompt=none was sent, but the person must be asked.")
        return AskConsent(consents.question(request.scopes, consent))
    return GrantCode(signed_in, request.scopes)


def _must_sign_in_anew(
    request: AuthorizationRequest, signed_in: SignedIn, progress: Progress, now: int
) -> bool:
    if progress.signed_in:
        return False
    too_old = request.max_age is not None and now - signed_in.auth_time > request.max_age
    return "login" in request.prompt or too_old


def _must_ask(request: AuthorizationRequest, consent: Consent | None, progress: Progress) -> bool:
    if not consents.covered(request.scopes, consent):
        return True
    return "consent" in request.prompt and not progress.allowed
