"""How many pages one address may ask for in a window."""

from http import HTTPStatus

from flextell.parts import Parts
from flextell.web.exchange import HttpProblem, Request


def within_page_limit(parts: Parts, request: Request) -> None:
    """Raises HttpProblem (429) if this address asks for too many pages."""
    standing = parts.page_limit.count(request.network)
    if standing.exceeded:
        retry_after = standing.retry_after(parts.sources.now())
        raise HttpProblem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Too many pages were asked for from your address.",
            ((b"retry-after", b"%d" % retry_after),),
        )
