"""What the server says about itself: metadata and keys (RFC 8414 §3, RFC 9728 §3, RFC 7517 §5)."""

from typing import Any

from flextell.oauth import discovery, keys, protected_resource
from flextell.parts import Parts
from flextell.web.exchange import Answer, Handler, Request, json
from flextell.web.limits import within_page_limit


def metadata(parts: Parts) -> Handler:
    """GET /.well-known/oauth-authorization-server and /.well-known/openid-configuration."""

    async def answer(request: Request) -> Answer:
        within_page_limit(parts, request)
        document = discovery.metadata(parts.settings.issuer, parts.keyring.algorithms("id_token"))
        return _cached(parts, request, document)

    return answer


def api_metadata(parts: Parts) -> Handler:
    """GET what the API says about itself (RFC 9728 §3.1)."""

    async def answer(request: Request) -> Answer:
        within_page_limit(parts, request)
        return _cached(parts, request, protected_resource.metadata(parts.settings.issuer))

    return answer


def key_set(parts: Parts) -> Handler:
    """GET the public keys (RFC 7517 §5)."""

    async def answer(request: Request) -> Answer:
        within_page_limit(parts, request)
        return _cached(parts, request, {"keys": parts.keyring.key_set()})

    return answer


def _cached(parts: Parts, request: Request, document: dict[str, Any]) -> Answer:
    """An answer that others may keep for a while, and ask again about by its tag."""
    tag = keys.fingerprint(document)
    headers = (
        (b"cache-control", b"public, max-age=%d" % parts.settings.jwks_cache_seconds),
        (b"etag", tag.encode("ascii")),
        # Apps in a browser read these too; there is nothing secret in them.
        (b"access-control-allow-origin", b"*"),
    )
    if tag in (request.header(b"if-none-match") or ""):
        return Answer(304, headers)
    return json(document, headers=headers)
