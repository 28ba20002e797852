"""Forms and query strings become typed requests here, and nowhere else (RFC 6749 §3.1, §3.2).

Strict on purpose: a repeated parameter, a broken percent escape or bytes that are no UTF-8
are refused, because two readers of one request must never see two requests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from flextell.oauth.errors import InvalidRequest, Refusal

MAXIMUM_PARAMETERS = 100

# Longest value of a parameter, in characters. What is not listed may have 1,000.
LIMITS: Mapping[str, int] = {
    "state": 4096,
    "nonce": 1024,
    "scope": 2000,
    "redirect_uri": 2000,
    "client_id": 255,
    "code": 512,
    "refresh_token": 512,
    "token": 8192,
}
_OTHERWISE = 1000

# RFC 8707 §2 and RFC 8693 §2.1 allow these more than once; both are ignored here.
_MAY_REPEAT = frozenset({"resource", "audience"})

# As many digits as every database's numbers have.
_SEQUENCE = re.compile(r"[0-9]{1,18}")

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class MalformedForm(Refusal):
    """The bytes are no form at all: a broken escape, no UTF-8, far too many parameters."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent, each name once. Names sent more than once are in `repeated` instead.

    Empty values are left out: a parameter without a value counts as omitted (RFC 6749 §3.1).
    """

    values: Mapping[str, str]
    repeated: frozenset[str] = frozenset()

    def get(self, name: str) -> str | None:
        """The value; None if absent. Raises InvalidRequest if repeated or unfit for its kind."""
        if name in self.repeated:
            raise InvalidRequest(f"{name} was sent more than once.")
        value = self.values.get(name)
        if value is None:
            return None
        if len(value) > LIMITS.get(name, _OTHERWISE):
            raise InvalidRequest(f"{name} is too long.")
        if not value.isprintable() and _CONTROL.search(value):
            raise InvalidRequest(f"{name} holds a control character.")
        return value

    def need(self, name: str) -> str:
        """The value. Raises InvalidRequest if absent, repeated or unfit."""
        value = self.get(name)
        if value is None:
            raise InvalidRequest(f"{name} is missing.")
        return value

    def refuse_repeated(self) -> None:
        """Raises InvalidRequest if any parameter came more than once (RFC 6749 §3.1, §3.2)."""
        for name in sorted(self.repeated - _MAY_REPEAT):
            if name.isidentifier() and name.isascii() and len(name) < 40:
                raise InvalidRequest(f"{name} was sent more than once.")
            raise InvalidRequest("A parameter was sent more than once.")


def _decode(part: bytes) -> str:
    if b"%" in part or b"+" in part:
        if _BROKEN_ESCAPE.search(part):
            raise MalformedForm("The form holds a broken percent escape.")
        part = unquote_to_bytes(part.replace(b"+", b" "))
    return part.decode("utf-8")


def parse_form(data: bytes) -> Form:
    """A form or query string in application/x-www-form-urlencoded.

    Raises MalformedForm if the bytes are not that.
    """
    values: dict[str, str] = {}
    repeated: set[str] = set()
    pairs = data.split(b"&")
    if len(pairs) > MAXIMUM_PARAMETERS:
        raise MalformedForm(f"The form has more than {MAXIMUM_PARAMETERS} parameters.")
    try:
        for pair in pairs:
            name_part, _, value_part = pair.partition(b"=")
            if not name_part:
                continue
            name = _decode(name_part)
            if name in values or name in repeated:
                repeated.add(name)
                continue
            values[name] = _decode(value_part)
    except UnicodeDecodeError:
        raise MalformedForm("The form is not UTF-8.") from None
    for name in repeated:
        values.pop(name, None)
    return Form({n: v for n, v in values.items() if v}, frozenset(repeated))


@dataclass(frozen=True, slots=True)
class CodeExchange:
    """grant_type=authorization_code (RFC 6749 §4.1.3, RFC 7636 §4.5)."""

    code: str
    redirect_uri: str
    code_verifier: str | None


@dataclass(frozen=True, slots=True)
class Refresh:
    """grant_type=refresh_token (RFC 6749 §6). A redirect_uri sent along is ignored."""

    refresh_token: str
    scope: str | None


@dataclass(frozen=True, slots=True)
class TokenQuestion:
    """A token somebody presents to revoke or introspect (RFC 7009 §2.1, RFC 7662 §2.1).

    The hint is only a hint, and our tokens tell their kind by themselves: it is not kept.
    """

    token: str


def code_exchange(form: Form) -> CodeExchange:
    """Read a code exchange. Raises InvalidRequest."""
    return CodeExchange(form.need("code"), form.need("redirect_uri"), form.get("code_verifier"))


def refresh(form: Form) -> Refresh:
    """Read a refresh. Raises InvalidRequest."""
    return Refresh(form.need("refresh_token"), form.get("scope"))


def token_question(form: Form) -> TokenQuestion:
    """Read a revocation or introspection request. Raises InvalidRequest."""
    form.refuse_repeated()
    return TokenQuestion(form.need("token"))


@dataclass(frozen=True, slots=True)
class FeedQuestion:
    """What a resource server asks the revocation feed: the news after this number."""

    since: int


def feed_question(form: Form) -> FeedQuestion:
    """Read a request for news of revocations; without `since` all of it. Raises InvalidRequest."""
    form.refuse_repeated()
    since = form.get("since") or "0"
    if not _SEQUENCE.fullmatch(since):
        raise InvalidRequest("since must be the sequence of an answer before: a whole number.")
    return FeedQuestion(int(since))
