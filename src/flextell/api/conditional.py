"""ETags of single things, and requests that depend on them (RFC 9110 §8.8.3, §13.1).

An ETag is a digest of what a GET shows, so it changes whenever somebody could see a difference, and
needs no column. Members that change by themselves are left out.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from flextell.api.errors import ApiError, changed_meanwhile
from flextell.api.shapes.encoding import encode

# entity-tag = [ %s"W/" ] DQUOTE *etagc DQUOTE; etagc = %x21 / %x23-7E / obs-text
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_EACH = re.compile(_TAG)
# What If-Match looks like in the document: plainer than what is taken, as our own ETags are.
PATTERN = r'^(\*|"[!#-~]*"(, *"[!#-~]*")*)$'
# What nobody reads by itself has no ETag: no tag names it.
NONE = ""
# Hexadecimal digits: no two states that a client meets have the same 144 bits.
_DIGITS = 36


def etag(shown: object, body: bytes, volatile: Collection[str]) -> str:
    """The ETag of an answer and its body; `data` has these volatile members."""
    if volatile and isinstance(shown, Mapping):
        data = {name: value for name, value in shown["data"].items() if name not in volatile}
        body = encode({**shown, "data": data})
    return f'"{sha256(body).hexdigest()[:_DIGITS]}"'


def demand_unchanged(if_match: Sequence[str], current: str) -> None:
    """Raises ApiError (412) unless If-Match names the current state (RFC 9110 §13.1.1)."""
    if if_match and not _names(if_match, current, "If-Match"):
        raise changed_meanwhile()


def is_known(if_none_match: Sequence[str], current: str) -> bool:
    """Whether the client has this state already (RFC 9110 §13.1.2); weak tags count as equal."""
    return bool(if_none_match) and _names(
        [value.replace("W/", "") for value in if_none_match], current, "If-None-Match"
    )


def _names(values: Sequence[str], current: str, header: str) -> bool:
    together = ", ".join(values).strip()
    if together == "*":
        return True
    if not _TAGS.fullmatch(together):
        raise ApiError(
            "invalid_request",
            f"The header {header} must be a star or ETags in double quotes, with commas between.",
        )
    return current in _EACH.findall(together)
