"""The page on which the API is tried out: Swagger UI, signed in by our own code flow with PKCE.

RFC 6749 §4.1, RFC 7636. All it loads is ours, and the tokens it gets stay in the page's memory.
"""

from flextell.api.build import DOCUMENT_PATH
from flextell.oauth import scopes
from flextell.oauth.reference_app import redirect_uri
from flextell.parts import Parts
from flextell.reference.render import page
from flextell.web.browser import PAGE_POLICY, page_headers
from flextell.web.exchange import Answer, Handler, Request
from flextell.web.limits import within_page_limit

# No script, style or connection but to our own origin, and nothing inline. One exception: the
# style sheet of Swagger UI draws its arrows as `data:` images, which can run nothing.
POLICY = PAGE_POLICY.replace("img-src 'self'", "img-src 'self' data:") + (
    "; script-src 'self'; connect-src 'self'"
)
# What is chosen until somebody chooses otherwise: to look, and to change nothing.
CHOSEN = scopes.text(scopes.ALIASES["read"])
# Where the code comes back: it calls the page that waits for it, and loads nothing else.
REDIRECT_POLICY = f"{PAGE_POLICY}; script-src 'self'"


def show(parts: Parts) -> Handler:
    """GET /docs"""
    settings = parts.settings

    async def answer(request: Request) -> Answer:
        within_page_limit(parts, request)
        return page(
            "console.html",
            page_headers(policy=POLICY),
            document=DOCUMENT_PATH,
            issuer=settings.issuer,
            client_id=settings.docs_client_id,
            redirect_uri=redirect_uri(settings.issuer),
            scopes=CHOSEN,
        )

    return answer


def come_back(parts: Parts) -> Handler:
    """GET /docs/oauth2-redirect: its script judges the answer (RFC 6749 §4.1.2, RFC 9207)."""

    async def answer(request: Request) -> Answer:
        within_page_limit(parts, request)
        return page(
            "come_back.html", page_headers(policy=REDIRECT_POLICY), issuer=parts.settings.issuer
        )

    return answer
