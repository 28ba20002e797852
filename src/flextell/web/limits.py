"""How often one caller may ask: a client from one address, or a browser's address."""

from http import HTTPStatus

from flextell.node.rate_limits import RateLimit
from flextell.parts import Parts
from flextell.web.exchange import HttpProblem, Request


def within_oauth_limit(parts: Parts, request: Request, client_id: str) -> None:
    """Raises HttpProblem (429) if this client asks too often from this address."""
    _count(parts, parts.oauth_limit, request, f"{client_id} {request.network}")


def within_page_limit(parts: Parts, request: Request) -> None:
    """Raises HttpProblem (429) if this address asks for too many pages."""
    _count(parts, parts.page_limit, request, request.network)


def _count(parts: Parts, limit: RateLimit, request: Request, key: str) -> None:
    standing = limit.count(key)
    request.told = standing.headers()
    if standing.exceeded:
        retry_after = standing.retry_after(parts.sources.now())
        raise HttpProblem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Too many requests; wait as long as Retry-After says.",
            ((b"retry-after", b"%d" % retry_after),),
        )
