"""Register a client: what it may be called and reached at, its id and its secret (RFC 6749 §2).

The secret is shown once, when it is made; only its digest is kept.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from flextell.oauth import redirect_uris, scopes
from flextell.oauth.errors import InvalidScope
from flextell.oauth.model import Client, Digest, Scopes, digest_of

MAXIMUM_NAME_CHARACTERS = 80
MAXIMUM_REDIRECT_URIS = 20

ID_RANDOM_BYTES = 10
SECRET_CHARACTERS = 40
# A byte becomes a character 248 times of 256; fewer than 40 of 128 is beyond any chance.
SECRET_RANDOM_BYTES = 128

_LETTERS_AND_DIGITS = string.ascii_letters + string.digits
_UNBIASED = 256 - 256 % len(_LETTERS_AND_DIGITS)


class InvalidRegistration(ValueError):
    """The client cannot be registered so; the text is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to register; `scope` is written as on the wire, aliases allowed."""

    name: str
    redirect_uris: tuple[str, ...]
    scope: str
    public: bool = False
    require_pkce: bool = False
    may_introspect: bool = False
    publisher: str = ""
    homepage_url: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A new client, and its secret: None for one that cannot keep any."""

    client: Client
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret to hand out once, and what is kept of it."""

    text: str = field(repr=False)
    digest: Digest = field(repr=False)


def new_client(wish: Wish, random: Callable[[int], bytes], now: int) -> Registered:
    """The client that is wished for. Raises InvalidRegistration.

    `random(n)` gives n unpredictable bytes. A request that names no scope gets all registered
    ones. A public client has no secret and must use PKCE (RFC 9700 §2.1.1).
    """
    _check_kind(wish)
    granted = _scopes(wish)
    secret = None if wish.public else new_secret(random(SECRET_RANDOM_BYTES))
    client = Client(
        client_id=uuid7(now, random(ID_RANDOM_BYTES)),
        name=_label(wish.name, "name"),
        redirect_uris=_redirect_uris(wish),
        scopes=granted,
        default_scopes=granted,
        secret_digest=secret.digest if secret else None,
        publisher=_label(wish.publisher, "publisher") if wish.publisher else "",
        homepage_url=_homepage(wish.homepage_url),
        require_pkce=wish.require_pkce or wish.public,
        may_introspect=wish.may_introspect,
        created_at=now,
    )
    return Registered(client, secret.text if secret else None)


def new_secret(dice: bytes) -> NewSecret:
    """40 letters and digits (238 bits), each as likely as any other, from 128 random bytes."""
    usable = [byte for byte in dice if byte < _UNBIASED][:SECRET_CHARACTERS]
    if len(usable) < SECRET_CHARACTERS:
        raise ValueError(f"a secret takes {SECRET_RANDOM_BYTES} random bytes")
    text = "".join(_LETTERS_AND_DIGITS[byte % len(_LETTERS_AND_DIGITS)] for byte in usable)
    return NewSecret(text, digest_of(text))


def uuid7(now: int, dice: bytes) -> str:
    """A UUID that sorts by time (RFC 9562 §5.7), from epoch seconds and 10 random bytes."""
    # unix_ts_ms (48) | ver (4) | rand_a (12) | var (2) | rand_b (62)
    value = ((now * 1000) << 80) | int.from_bytes(dice[:ID_RANDOM_BYTES])
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def _check_kind(wish: Wish) -> None:
    if wish.public and wish.may_introspect:
        raise InvalidRegistration("A public client cannot introspect: it has no secret to prove.")


def _label(text: str, what: str) -> str:
    """Text that people see on the consent screen.

    Not printable are also the invisible characters that turn the direction of writing: a name
    must not read as something else than it is.
    """
    label = text.strip()
    if not label or len(label) > MAXIMUM_NAME_CHARACTERS or not label.isprintable():
        raise InvalidRegistration(
            f"The {what} must have 1 to {MAXIMUM_NAME_CHARACTERS} printable characters."
        )
    return label


def _redirect_uris(wish: Wish) -> tuple[str, ...]:
    uris = tuple(dict.fromkeys(wish.redirect_uris))
    if not uris and not wish.may_introspect:
        raise InvalidRegistration("A client needs at least one redirect URI.")
    if len(uris) > MAXIMUM_REDIRECT_URIS:
        raise InvalidRegistration(f"A client has at most {MAXIMUM_REDIRECT_URIS} redirect URIs.")
    for uri in uris:
        problem = redirect_uris.problem_with(uri)
        if problem:
            raise InvalidRegistration(problem)
    return uris


def _scopes(wish: Wish) -> Scopes:
    if not wish.scope and wish.may_introspect:
        return frozenset()
    try:
        return scopes.parse(wish.scope)
    except InvalidScope as error:
        raise InvalidRegistration(error.description) from None


def _homepage(url: str) -> str:
    if not url:
        return ""
    if not url.lower().startswith("https://") or redirect_uris.problem_with(url):
        raise InvalidRegistration("The home page must be an https URL: https://example.com/.")
    return url
