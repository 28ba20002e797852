"""Scopes: what each lets an app do, in a plain sentence, and how they are written (RFC 6749 §3.3).

This table is read by the consent screen, the metadata, the command line and the docs.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flextell.oauth.errors import InvalidScope
from flextell.oauth.model import Scopes


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """One permission: its token, whether it reads or changes, and its sentence."""

    scope: str
    kind: Literal["read", "change"]
    sentence: str


def _line(scope: str, kind: Literal["read", "change"], sentence: str) -> tuple[str, ScopeLine]:
    return scope, ScopeLine(scope, kind, sentence)


CATALOGUE: dict[str, ScopeLine] = dict(
    (
        _line("openid", "read", "Know that it is you when you sign in with Flextell."),
        _line("profile", "read", "See your name."),
        _line("email", "read", "See your e-mail address."),
        _line("offline_access", "read", "Stay connected while you are away."),
        _line("account:read", "read", "See your account, its tenants and your roles."),
        _line("tenants:read", "read", "See the businesses you belong to."),
        _line("tenants:write", "change", "Change the details of your business."),
        _line("users:read", "read", "See the people who work in your business."),
        _line("users:write", "change", "Add and change people who work in your business."),
        _line("customers:read", "read", "See your customers and their contact details."),
        _line("customers:write", "change", "Add, change and remove customers."),
        _line("conversations:read", "read", "Read conversations with your customers."),
        _line("conversations:write", "change", "Send and change messages to your customers."),
        _line("files:read", "read", "See and download files."),
        _line("files:write", "change", "Upload files."),
        _line("tags:read", "read", "See the tags of your business."),
        _line("tags:write", "change", "Add, change and remove tags."),
        _line("channels:read", "read", "See the channels you talk to customers on."),
        _line("channels:write", "change", "Block and unblock customers on a channel."),
    )
)

# Older names that clients still send (wire §e 14). A client may be registered with either.
ALIASES: dict[str, frozenset[str]] = {
    "read": frozenset(s for s in CATALOGUE if s.endswith(":read")),
    "write": frozenset(s for s in CATALOGUE if s.endswith(":write")),
    "read:contacts": frozenset({"customers:read"}),
    "write:contacts": frozenset({"customers:write"}),
    "read:messages": frozenset({"conversations:read"}),
    "write:messages": frozenset({"conversations:write"}),
} | {
    f"{verb}:{scope.removesuffix(f':{verb}')}": frozenset({scope})
    for scope in CATALOGUE
    for verb in ("read", "write")
    if scope.endswith(f":{verb}")
}

# scope-token = 1*( %x21 / %x23-5B / %x5D-7E ); scope = scope-token *( SP scope-token )
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def _spelled(text: str) -> list[frozenset[str]]:
    """What each token of a `scope` parameter means. Raises InvalidScope."""
    if not _SCOPE.fullmatch(text):
        raise InvalidScope("The scope parameter must be scope names separated by single spaces.")
    meanings = []
    for token in text.split(" "):
        meaning = frozenset({token}) if token in CATALOGUE else ALIASES.get(token)
        if meaning is None:
            raise InvalidScope("The scope parameter names a scope that does not exist.")
        meanings.append(meaning)
    return meanings


def parse(text: str) -> Scopes:
    """The canonical scopes that a text names, aliases spelled out.

    Raises InvalidScope if it is not RFC 6749 §3.3's grammar or names an unknown scope.
    """
    return frozenset().union(*_spelled(text))


def text(scopes: Iterable[str]) -> str:
    """Scopes as the wire writes them: sorted, single spaces."""
    return " ".join(sorted(scopes))


def stored(value: str) -> Scopes:
    """Scopes back from `text`, unchecked: what the store kept was checked when it came in."""
    return frozenset(value.split())


def allowed(asked: str | None, registered: Scopes, default: Scopes) -> Scopes:
    """What a client asks for, within what it was registered for (RFC 6749 §3.3).

    Absent means the client's default scopes. Raises InvalidScope.
    """
    if asked is None:
        if not default & registered:
            raise InvalidScope("The scope parameter is required: this client has no default scope.")
        return default & registered
    scopes: set[str] = set()
    for meaning in _spelled(asked):
        # `read` and `write` mean all of their kind that the client was registered for.
        part = meaning & registered if len(meaning) > 1 else meaning
        if not part or not part <= registered:
            raise InvalidScope("The scope parameter names a scope that this client may not use.")
        scopes |= part
    return frozenset(scopes)


def narrowed(asked: str | None, granted: Scopes) -> Scopes:
    """The scopes of a new access token of an old grant: all of it, or the part asked for.

    RFC 6749 §6: never wider than granted. Raises InvalidScope.
    """
    if asked is None:
        return granted
    try:
        return allowed(asked, granted, granted)
    except InvalidScope:
        raise InvalidScope(
            "The scope parameter must name scopes that the person granted, or be left out."
        ) from None


def covers(have: Scopes, need: Scopes) -> bool:
    """Whether scopes that were granted suffice for those that are needed."""
    return need <= have


def lines(some: Iterable[str]) -> list[ScopeLine]:
    """The lines of these scopes, in the order of the catalogue."""
    return [line for line in CATALOGUE.values() if line.scope in some]


def sentence(scope: str) -> str:
    """The plain sentence of a scope, for the consent screen."""
    return CATALOGUE[scope].sentence
