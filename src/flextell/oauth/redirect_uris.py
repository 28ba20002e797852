"""Redirect URIs: which may be registered, which match, how an answer is appended (RFC 6749 §3.1.2).

They are compared and extended as text. Real clients register schemes with an underscore,
which RFC 3986 does not allow and URL parsers do not see; text has no such trouble, and a
parser that normalises would accept what was never registered (RFC 9700 §4.1.3).
"""

import re
from collections.abc import Collection
from typing import NewType
from urllib.parse import urlencode

MAXIMUM_CHARACTERS = 2000

ProvenRedirect = NewType("ProvenRedirect", str)
"""A redirect_uri that matched a registered one. Only `match` makes it."""

# scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), and "_" because clients in the field use it
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-_]*:")
# printable ASCII without the characters no URI may hold (RFC 3986 §2), nor "#": no fragment
_ALLOWED = re.compile(r"[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_WEB = re.compile(r"https?://(?P<authority>[^/?]*)", re.IGNORECASE)
# RFC 8252 §7.3: http://127.0.0.1:{port}/{path} and http://[::1]:{port}/{path}
_LOOPBACK = re.compile(
    r"(?P<start>http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(?P<rest>(?:[/?].*)?)"
)
# host [ ":" port ]: a name, an IPv4 address or a bracketed IPv6 one. Nothing that could end a
# directive when the host is quoted in a Content-Security-Policy.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9.\-_]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LOOPBACK_HOST = re.compile(r"(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?")
# CSP's host-part and port-part: it has no words for an IPv6 address or an underscore
_CSP_HOST = re.compile(r"[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*(?::[0-9]{1,5})?")
_NEVER = (
    "javascript:",
    "data:",
    "vbscript:",
    "file:",
    "blob:",
    "about:",
    "view-source:",
    "ws:",
    "wss:",
)


def problem_with(uri: str) -> str | None:
    """Why a redirect URI cannot be registered, as a sentence; None if it can be.

    https anywhere, http on loopback only, or a private-use scheme (RFC 8252 §7).
    """
    if len(uri) > MAXIMUM_CHARACTERS:
        return f"A redirect URI has at most {MAXIMUM_CHARACTERS} characters."
    if "#" in uri:
        return "A redirect URI has no fragment (RFC 6749 3.1.2)."
    if "*" in uri:
        return "A redirect URI has no wildcard: it is compared as exact text."
    if not _ALLOWED.fullmatch(uri) or not _SCHEME.match(uri):
        return "A redirect URI is an absolute URI in ASCII, such as https://example.com/callback."
    lowered = uri.lower()
    if lowered.startswith(_NEVER):
        return "This scheme can never be used for a redirect URI."
    if lowered.startswith(("http:", "https:")):
        web = _WEB.match(uri)
        if web is None or not _AUTHORITY.fullmatch(web["authority"]):
            return "A web redirect URI names a host, perhaps a port, and no user."
        if lowered.startswith("http:") and not _LOOPBACK_HOST.fullmatch(web["authority"].lower()):
            return "Plain http is only for loopback addresses; use https."
        return None
    if not uri.partition(":")[2]:
        return "A redirect URI has something after its scheme."
    return None


def match(asked: str, registered: Collection[str]) -> ProvenRedirect | None:
    """The asked URI if it equals a registered one as text; a loopback literal with any port.

    RFC 9700 §2.1 (exact match), RFC 8252 §7.3 (loopback ports).
    """
    if asked in registered:
        return ProvenRedirect(asked)
    loopback = _LOOPBACK.fullmatch(asked)
    if loopback:
        for uri in registered:
            known = _LOOPBACK.fullmatch(uri)
            if known and (known["start"], known["rest"]) == (loopback["start"], loopback["rest"]):
                return ProvenRedirect(asked)
    return None


def with_parameters(uri: ProvenRedirect, parameters: dict[str, str]) -> str:
    """The URI with an answer appended to its query, the rest of it untouched (RFC 6749 §4.1.2)."""
    joint = "&" if "?" in uri else "?"
    if uri.endswith(("?", "&")):
        joint = ""
    return f"{uri}{joint}{urlencode(parameters)}"


def destination(uri: str) -> str:
    """Where the person will be sent, short enough to read: a host, or an app's scheme."""
    web = _WEB.match(uri)
    if web:
        return web["authority"]
    return f"the app behind {uri.partition(':')[0]}:"


def form_action_source(uri: str) -> str | None:
    """The CSP source that lets a form end up at this URI; None if CSP has no words for it.

    Browsers apply `form-action` to the redirects that follow a form. A scheme or a host with an
    underscore is no valid source expression, nor is an IPv6 address (CSP Level 3 §2.3.1).
    """
    web = _WEB.match(uri)
    if web:
        return web[0] if _CSP_HOST.fullmatch(web["authority"]) else None
    scheme = uri.partition(":")[0]
    return None if "_" in scheme else f"{scheme}:"
