"""One call with a token: attach it, send, look at the answer, refresh if that may help.

A generator without I/O. It yields what it waits for, and is sent what came: a `Request` for its
`Response`, a `Future` for its `Tokens`. `auth` and `client` drive it, in threads and in tasks.
"""

import re
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any

import httpx2

from flextell_sdk.grant import Grant
from flextell_sdk.tokens import Tokens

Steps = Generator["httpx2.Request | Future[Any]", Any, httpx2.Response]

# challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ] (RFC 9110 §11.3), and a header may
# hold several, with the commas of lists between them and their parameters alike.
_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
# auth-param = token BWS "=" BWS ( token / quoted-string ) (RFC 9110 §11.2)
_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"=]+))')


def authorized(grant: Grant, request: httpx2.Request) -> Steps:
    """The answer to a request that carries the grant's token (RFC 6750 §2.1).

    A 401 `invalid_token` is tried once more with other tokens, unless the body cannot be sent
    twice, and again, as often as any try, while those too died on their way; a 403
    `insufficient_scope` only if somebody else has got that scope meanwhile.
    """
    most_tries = grant.wire.patience.attempts
    found = grant.at_hand()
    tokens: Tokens = (yield found) if isinstance(found, Future) else found
    may_repeat = isinstance(request.stream, httpx2.ByteStream)
    tries = 1
    while True:
        asked = grant.wire.sources.now()
        request.headers["authorization"] = f"Bearer {tokens.access_token}"
        response: httpx2.Response = yield request
        if response.status_code == 401:
            # First: when tokens died is told by the refusal itself.
            grant.wire.learn(response, asked)
        else:
            grant.wire.glance(response, asked)
            grant.accepted()
        other = None
        if tries == 1 or (tries < most_tries and grant.has_died(tokens)):
            other = _other_tokens(grant, response, tokens)
        if other is None or not may_repeat:
            return response
        fresh: Tokens | None = (yield other) if isinstance(other, Future) else other
        if fresh is None:
            return response
        tokens, tries = fresh, tries + 1


def _other_tokens(
    grant: Grant, response: httpx2.Response, used: Tokens
) -> "Tokens | Future[Any] | None":
    if response.status_code not in (401, 403):
        return None
    said = challenge(response)
    match response.status_code, said.get("error"):
        case 401, "invalid_token":
            return grant.other_than(used)
        case 403, "insufficient_scope":
            return grant.allowed_since(used, frozenset(said.get("scope", "").split()))
    return None


def challenge(response: httpx2.Response) -> dict[str, str]:
    """The parameters of the `WWW-Authenticate: Bearer` challenge (RFC 6750 §3)."""
    found: dict[str, str] = {}
    for header in response.headers.get_list("www-authenticate"):
        scheme = ""
        for item in _ITEM.findall(header):
            parameter = _PARAMETER.fullmatch(item.strip())
            if parameter is None and item.strip():
                scheme, _, rest = item.strip().partition(" ")
                parameter = _PARAMETER.fullmatch(rest.strip())
            if parameter is not None and scheme.lower() == "bearer":
                name, quoted, plain = parameter.groups()
                found[name.lower()] = plain or re.sub(r"\\(.)", r"\1", quoted)
    return found
